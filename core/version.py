"""Sightline's version. CHANGELOG.md's first heading and the wheel's name follow it."""

__version__ = "0.5.0"
