"""Opening pictures that nobody vouches for.

A picture is judged before it is decoded: by its size in bytes, by its signature (never by its name), by the width and
height it declares, and by how often a decoder would go over it. Decoding ends after some seconds, however much a file
asks for (`decoding`). What passes becomes what the rest of Sightline works with: RGB, upright,
alpha laid over white, at most `LONGEST_SIDE` pixels wide and high. Everything else is an `UnreadableImage`
whose text is a sentence for the screen. Pictures that a notebook opened itself become the same.
"""

from __future__ import annotations

import contextlib
import io
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from .decoding import BLOCK, MOST_SCANS, Stop, Watched, alone, scans
from .errors import UnreadableImage
from .reading import read_bytes
from .shrinking import UnknownMode, shrunk

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 64_000_000
MAX_WEBP_PIXELS = 32_000_000
"""Its decoder keeps four copies of a picture at once."""
LONGEST_SIDE = 2048
LONGEST_NAME = 48

ImageLike = Image.Image | str | Path
"""A picture, or the path of a file that holds one."""

_FORMATS = "PNG, JPEG, WebP, GIF, BMP or TIFF"

_OPENERS: tuple[tuple[bytes, Callable[[io.BytesIO], ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"RIFF", WebPImagePlugin.WebPImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
)
"""Signature and reader. The readers are named one by one because `Image.open` refuses a huge picture before
it tells its width and height, and because no other reader of Pillow's should ever see an untrusted file."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""
_LAID_ON_ITS_SIDE = (5, 6, 7, 8)
"""The orientations in which width and height are exchanged."""
_SHRUNK_FROM = "sightline shrunk from"
"""Where a picture that was shrunk keeps its former size and its own, in its `info`."""


def as_image(image: ImageLike) -> Image.Image:
    """A picture, or that of a file, as `open_image` gives it; the same object where it is so already. Raises
    UnreadableImage."""
    if not isinstance(image, Image.Image):
        return open_file(Path(image))
    shown = "The picture"
    _check_size(image, shown)
    try:
        image.load()
        asks_nothing = image.mode == "RGB" and "transparency" not in image.info and _orientation(image) not in _UPRIGHT
        return image if asks_nothing and max(image.size) <= LONGEST_SIDE else _plain(image, image.size)
    except Exception as error:  # a file that was opened and not yet read can be as broken as any other
        raise UnreadableImage(_damage(error, shown)) from error


def open_file(path: Path, stop: Stop = lambda: None) -> Image.Image:
    """The picture in a file, as `open_image` gives it. Raises UnreadableImage."""
    return open_image(_read(path), path.name, stop)


def open_image(data: bytes, name: str = "image", stop: Stop = lambda: None) -> Image.Image:
    """The picture in `data` as RGB, upright, its longest side at most `LONGEST_SIDE` pixels.

    Of an animation the first frame is taken; transparency is laid over white; 16-bit, integer and
    floating-point greys are scaled to 8 bits. `name` appears in messages only. `stop` is called while it is decoded,
    and may raise to end that. Raises UnreadableImage.
    """
    with _opened(data, display_name(name), stop) as (image, between):
        size = image.size
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # lets JPEG decode at a fraction of its size
        image.load()
        return _plain(image, size, between)


def moves(gif: bytes) -> bool:
    """Whether a GIF has more than one frame; nothing is decoded. What is damaged does not move."""
    try:
        return bool(GifImagePlugin.GifImageFile(Watched(gif, "The picture", lambda: None)).is_animated)
    except Exception:  # decoders raise nearly anything on broken data
        return False


def as_mask(mask: ImageLike) -> Bool[np.ndarray, "height width"]:
    """Which pixels a picture, or that of a file, marks.

    Where it is transparent anywhere, its opaque pixels: those of which at least half is not let through. Where it is
    not, its white ones: those at least as light as the middle grey. It is turned upright and made as small as a picture
    of its size is, so that it fits what it was drawn for. Raises UnreadableImage.
    """
    if isinstance(mask, Image.Image):
        shown = "The mask"
        _check_size(mask, shown)
        try:
            mask.load()
            return _marked(mask)
        except Exception as error:  # as in `as_image`
            raise UnreadableImage(_damage(error, shown)) from error
    path = Path(mask)
    with _opened(_read(path), display_name(path.name)) as (image, between):
        image.load()
        return _marked(image, between)


def _marked(mask: Image.Image, between: Stop = lambda: None) -> Bool[np.ndarray, "height width"]:
    small = _upright(shrunk(mask, LONGEST_SIDE, between), _orientation(mask))
    transparent = small.mode == "RGBA" and np.asarray(small)[..., 3].min() < 255
    marks = small.getchannel("A") if transparent else small.convert("L")
    marked: Bool[np.ndarray, "height width"] = np.asarray(marks) >= 128
    return marked


_NO_LABEL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of controls, unassigned characters, and what parts lines and paragraphs."""


def display_name(name: str) -> str:
    """A file name fit for a sentence: as `plain_name` gives it, in quotes."""
    plain = plain_name(name)
    return f"“{plain}”" if plain else "The file"


def plain_name(name: str) -> str:
    """A file name as a label: no path, no control or direction characters, one line, shortened. "" where nothing is
    left."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(char for char in base if unicodedata.category(char) not in _NO_LABEL).strip()
    if len(plain) > LONGEST_NAME:
        keep = (LONGEST_NAME - 1) // 2
        plain = f"{plain[:keep]}…{plain[-keep:]}"
    return plain


def _read(path: Path) -> bytes:
    """A file's content, and no more than is opened. Raises UnreadableImage."""
    try:
        return read_bytes(path, MAX_BYTES)
    except OSError as error:
        reason = f"{display_name(path.name)} cannot be read ({error.strerror})."
        raise UnreadableImage(f"{reason} Put it back and try again.") from error


def _check_size(image: Image.Image, shown: str) -> None:
    width, height = image.size
    webp = isinstance(image, WebPImagePlugin.WebPImageFile)
    most = MAX_WEBP_PIXELS if webp else MAX_PIXELS
    if width * height > most:
        raise UnreadableImage(
            f"{shown} is {width:,} × {height:,} pixels ({width * height / 1e6:,.0f} megapixels), and at most "
            f"{most / 1e6:.0f} are opened{' of a WebP' if webp else ''}. Scale it down and try again."
        )


def without_metadata(image: Image.Image) -> Image.Image:
    """The pixels of a picture alone. One that somebody opened may say by which device and where it was taken, and
    Pillow writes some of that into what is made of it."""
    if not image.info:
        return image
    plain = image.copy()
    plain.info.clear()
    return plain


def shrunk_from(image: Image.Image) -> tuple[int, int] | None:
    """Width and height of a picture before it was shrunk as it was opened, upright; None where it was not."""
    match image.info.get(_SHRUNK_FROM):
        # Pictures made of it have this information too, and a file may bring text of this name along.
        case ((int(), int()) as before, after) if after == image.size:
            return before
    return None


def shrunk_as(image: Image.Image, before: tuple[int, int]) -> Image.Image:
    """A copy of a picture that is known to have been of another width and height before it was shrunk."""
    twin = image.copy()
    twin.info[_SHRUNK_FROM] = (before, twin.size)
    return twin


def _plain(image: Image.Image, size: tuple[int, int], between: Stop = lambda: None) -> Image.Image:
    """A loaded picture as a new one: RGB, upright, over white and not too large. `size` is that of its file."""
    turn = _orientation(image)
    plain = _over_white(_upright(shrunk(image, LONGEST_SIDE, between), turn))
    plain = plain.copy() if plain is image else plain
    plain.info.clear()  # what it said of turning and transparency is done
    if max(size) > LONGEST_SIDE:
        plain.info[_SHRUNK_FROM] = (size[::-1] if turn in _LAID_ON_ITS_SIDE else size, plain.size)
    return plain


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else image


@contextlib.contextmanager
def _opened(
    data: bytes, shown: str, stop: Stop = lambda: None
) -> Iterator[tuple[ImageFile.ImageFile, Callable[[], None]]]:
    """The picture with its header read and nothing decoded, while no other large one is decoded; and what is to be
    called between parts of the work. Whatever goes wrong inside is damage. Raises UnreadableImage, and what `stop`
    raises."""
    watched = Watched(data, shown, stop)
    try:
        opener = _opener(data, shown, watched.check)
        image = opener(watched)
        _check_size(image, shown)
        _check_tiff(image, data, shown)
        image.decodermaxblock = BLOCK
        with alone(image.width * image.height, watched.check):
            yield image, watched.check
    except UnreadableImage:
        raise
    except Exception as error:  # decoders raise nearly anything on broken data
        if watched.ended is not None:
            raise watched.ended from None
        raise UnreadableImage(_damage(error, shown)) from error


def _opener(data: bytes, shown: str, between: Stop) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """What reads such a file. Raises UnreadableImage for what is no picture, or too large."""
    if not data:
        raise UnreadableImage(f"{shown} is empty (0 bytes). Save or download the picture again.")
    if len(data) > MAX_BYTES:
        raise UnreadableImage(
            f"{shown} has {len(data) / 2**20:.1f} MB, and at most {MAX_BYTES / 2**20:.0f} MB are opened. "
            "Scale it down or save it as JPEG."
        )
    if reason := _not_an_image(data):
        raise UnreadableImage(f"{shown} {reason}")
    for signature, opener in _OPENERS:
        if data.startswith(signature):
            if opener is JpegImagePlugin.JpegImageFile and (count := scans(data, between)) > MOST_SCANS:
                raise UnreadableImage(_scanned(shown, count))
            return opener
    raise UnreadableImage(f"{shown} is not a picture, whatever its name says. Choose a {_FORMATS} file.")


def _check_tiff(image: ImageFile.ImageFile, data: bytes, shown: str) -> None:
    """Raises UnreadableImage for a TIFF of JPEGs with more scans than such have: it is decoded in one go."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or image.info.get("compression") != "jpeg":
        return
    parts = max(len(image.tag_v2.get(tag, ())) for tag in (TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS))
    if (count := data.count(b"\xff\xda")) > 4 * parts + MOST_SCANS // 2:
        raise UnreadableImage(_scanned(shown, count))


def _scanned(shown: str, count: int) -> str:
    return (
        f"{shown} is a JPEG of {count:,} scans, each of which is decoded over the whole picture, and at most "
        f"{MOST_SCANS} are opened. Save it again, as an ordinary JPEG or PNG."
    )


def _not_an_image(data: bytes) -> str | None:
    """What well-known kind of file this is instead of a picture that can be opened, and what to do about it."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start):
        return "is an SVG drawing, and drawings are not opened because they can hold scripts. Export it as PNG."
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page, not a picture. Save the picture itself."
    if start.startswith(b"%pdf"):
        return "is a PDF document. Export the page as PNG."
    if data[4:8] == b"ftyp":
        return f"is a HEIC, AVIF or video file, which is not opened. Export it as {_FORMATS}."
    if data.startswith(b"RIFF") and data[8:12] != b"WEBP":
        return f"is a sound or video file, not a picture. Choose a {_FORMATS} file."
    return None


def _damage(error: Exception, shown: str) -> str:
    if isinstance(error, MemoryError):
        return f"{shown} needs more memory than is free. Scale it down and try again."
    if isinstance(error, UnknownMode):
        return f"{shown} uses the colour mode {error}, which is not opened. Export it as PNG in RGB."
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return f"{shown} is truncated: the file ends in the middle of the picture. Save or download it again."
    return f"{shown} is damaged and cannot be decoded. Save or download it again."


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, or 1 (upright) where there is none or the metadata is broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken metadata does not make a broken picture
        return 1


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
