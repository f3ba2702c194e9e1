"""Paths as people type them: `~` is their folder, and what can be no path leads nowhere instead of to an error."""

from __future__ import annotations

from pathlib import Path


def typed_path(text: str | Path) -> Path:
    """The path that somebody typed, `~` and `~name` expanded where there is such an account."""
    path = Path(text)
    try:
        return path.expanduser()
    except (RuntimeError, ValueError):  # nobody of that name, or no name
        return path


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False as well for what no system takes for a path (a name of 300 letters, a NUL)."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """The same of a regular file."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """The same of anything."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
