"""A folder that holds cases: finding its tables and pictures, and nothing outside it.

Names come from a downloaded table, so they are held to the folder: a path that climbs out, an absolute one, and a
link that leads elsewhere are refused. What is refused or missing costs its own case and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ..errors import FolderError, UnreadableImage
from ..images import display_name
from ..typed_paths import typed_path
from .tables import listed

PICTURES = frozenset(".jpg .jpeg .png .webp .gif .bmp .tif .tiff".split())


class Folder:
    """Files below `path`, hidden ones aside. Raises FolderError where that is no folder that can be read."""

    def __init__(self, path: Path) -> None:
        self.path = typed_path(path)
        try:
            self.root = self.path.resolve(strict=True)
            # Hidden ones are none of a data set's: macOS puts a "._data.csv" beside each file of an archive.
            self._names = sorted(entry.name for entry in self.root.iterdir() if not entry.name.startswith("."))
        except NotADirectoryError:
            raise FolderError(f"{display_name(path.name)} is a file. Give the folder it lies in.") from None
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FolderError(f"The folder {path} cannot be read ({reason}). Check the path.") from error

    def names(self) -> str:
        """Some of the files and folders here, for a sentence about what is missing."""
        return listed([display_name(name) for name in self._names], 6) or "nothing"

    def tables(self, *endings: str) -> Iterator[Path]:
        """The files of some endings (".csv") in this folder, by name."""
        for name in self._names:
            file = self.root / name
            if file.suffix.lower() in endings and self._inside(file) and file.is_file():
                yield file

    def table(self, name: str) -> Path:
        """The file of that name, whatever its capitals. Raises FolderError where there is none."""
        named = [file for file in self.tables(Path(name).suffix.lower()) if file.name.lower() == name.lower()]
        if not named:
            raise FolderError(
                f"There is no {name} in {self.path}; there is {self.names()}. Choose the folder it is in."
            )
        return named[0]

    @cached_property
    def subfolders(self) -> tuple[str, ...]:
        """The names of the folders directly in this one."""
        return tuple(name for name in self._names if (self.root / name).is_dir() and self._inside(self.root / name))

    def image(self, name: str, places: Sequence[str] = ("",)) -> Path:
        """The picture `name`, a path below one of `places`, the first that has it. Raises NoPicture."""
        shown, plain = display_name(name), name.replace("\\", "/")
        refused = False
        for place in places:
            file = self.root / place / plain
            try:
                if not self._inside(file):
                    refused = True
                elif file.is_file():
                    return file
            except (OSError, ValueError):  # a name too long, or with a NUL
                continue
        if refused:
            raise UnreadableImage(
                f"{shown} leads out of the folder and was not opened. Copy the picture itself into it."
            )
        raise UnreadableImage(f"{shown} is missing. Put it into the folder.")

    def images_by_stem(self, place: str) -> dict[str, str]:
        """The pictures directly in a subfolder ("" for this one): their paths by name without ending, small letters."""
        by_stem: dict[str, str] = {}
        for file in sorted((self.root / place).iterdir()):
            if file.suffix.lower() in PICTURES and not file.name.startswith("."):
                by_stem.setdefault(file.stem.lower(), f"{place}/{file.name}" if place else file.name)
        return by_stem

    def _inside(self, file: Path) -> bool:
        try:
            return file.resolve().is_relative_to(self.root)
        except RuntimeError:  # links in a circle
            return False
