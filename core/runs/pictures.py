"""The pictures of a run: PNG files named by what their pixels are, so that each is kept once."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from pathlib import Path
from weakref import WeakValueDictionary

from PIL import Image

from ..errors import RunDamaged, UnreadableImage
from ..images import MAX_BYTES, open_image, without_metadata
from ..writing import write_whole
from .files import read_file

SMALL = 128
"""Pixels of a small picture's longer side."""
_NAME = re.compile(r"[0-9a-f]{64}")


class Pictures:
    """Those in a folder of a run. Pixels are kept as they were asked about: RGB, upright, and shrunk where the file was
    larger than pictures are opened."""

    def __init__(self, run: Path) -> None:
        self._folder, self._small = run / "pictures", run / "thumbnails"
        # Turns about the same picture share one object.
        self._open: WeakValueDictionary[str, Image.Image] = WeakValueDictionary()
        self._lock = threading.Lock()

    def keep(self, image: Image.Image) -> str:
        """What a picture is called here; written where it is not there yet. Raises NotWritten."""
        name = picture_name(image)
        if not (self._folder / f"{name}.png").exists():
            write_whole(self._folder / f"{name}.png", _png(image))
        return name

    def keep_small(self, image: Image.Image) -> str:
        """The same of a small copy, for lists."""
        name = picture_name(image)
        if not (self._small / f"{name}.png").exists():
            small = image.copy()
            small.thumbnail((SMALL, SMALL))
            write_whole(self._small / f"{name}.png", _png(small))
        return name

    def load(self, name: str) -> Image.Image:
        """A picture by its name. Raises RunDamaged where it is not there or has other pixels."""
        with self._lock:
            if (image := self._open.get(name)) is not None:
                return image
            image = _opened(self._folder, name)
            if picture_name(image) != name:
                raise RunDamaged(f"The picture {name[:12]} is damaged: it has other pixels than were asked about.")
            self._open[name] = image
            return image

    def small(self, name: str) -> Image.Image | None:
        """A small copy; None where there is none that can be read."""
        try:
            return _opened(self._small, name)
        except RunDamaged:
            return None


def picture_name(image: Image.Image) -> str:
    """What a picture is called: a hash of its mode, size and pixels."""
    return hashlib.sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    without_metadata(image).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _opened(folder: Path, name: str) -> Image.Image:
    if not _NAME.fullmatch(name):
        raise RunDamaged(f"{name[:40]!r} is no name of a picture.")
    try:
        return open_image(read_file(folder / f"{name}.png", MAX_BYTES), "a picture")
    except UnreadableImage as error:
        raise RunDamaged(f"The picture {name[:12]} is damaged and cannot be read.") from error
