"""Sightline: what an answer of a vision-language model rests on, and the tests that say so."""

__version__ = "0.4.0"
