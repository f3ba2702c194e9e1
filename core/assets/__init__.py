"""What comes with Sightline as files: the embedded model, and what was measured of it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def asset(name: str) -> Path:
    """A file or folder that comes with Sightline. Models are read from folders, so the package lies unpacked."""
    return Path(str(files(__name__).joinpath(name)))
