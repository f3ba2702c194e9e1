"""Pictures that cost far more than their bytes, or that say something odd: small generators, each a file's bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """A picture as a file of some format."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def many_scans(scans: int, side: int = 2000) -> bytes:
    """A progressive JPEG of one grey whose last scan is repeated: each takes some bytes, and is decoded over the whole
    picture."""
    plain = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    begin, end = plain.rindex(b"\xff\xda"), plain.rindex(b"\xff\xd9")
    return plain[:end] + plain[begin:end] * scans + plain[end:]


def many_segments(count: int) -> bytes:
    """A JPEG with as many empty comments before its picture."""
    plain = encoded(Image.new("L", (8, 8)), "JPEG")
    return plain[:2] + b"\xff\xfe\0\x02" * count + plain[2:]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_png_chunks(*chunks: bytes) -> bytes:
    """A small PNG with more chunks after its header."""
    plain = encoded(Image.new("L", (8, 8)))
    return plain[:33] + b"".join(chunks) + plain[33:]


def flat_png(width: int, height: int, colour_type: int = 2, depth: int = 8) -> bytes:
    """A PNG of zeros, made row by row."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    row = b"\0" * (1 + (width * channels * depth + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    palette = png_chunk(b"PLTE", b"\0\0\0") if colour_type == 3 else b""
    parts = (png_chunk(b"IHDR", header), palette, png_chunk(b"IDAT", packed), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def grey_tiff(value: float, mode: str = "F", size: tuple[int, int] = (4, 3)) -> bytes:
    """A TIFF of one grey in floating point ("F") or whole numbers ("I")."""
    return encoded(Image.fromarray(np.full(size[::-1], value, np.float32 if mode == "F" else np.int32)), "TIFF")


def jpeg_tiff(jpeg: bytes, width: int, height: int) -> bytes:
    """A grey TIFF whose one strip is a JPEG."""
    tags = (
        *((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 7), (262, 3, 1)),
        *((273, 4, 0), (277, 3, 1), (278, 4, height), (279, 4, len(jpeg))),
    )
    at = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", at if tag == 273 else value) for tag, kind, value in tags
    )
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + jpeg


def many_frames(format: str, frames: int, side: int = 64) -> bytes:
    """An animation, or a TIFF of many pages."""
    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 255, (side, side), np.uint8)) for _ in range(frames)]
    return encoded(pages[0], format, save_all=True, append_images=pages[1:])


def kinds() -> Iterator[tuple[str, bytes]]:
    """Ordinary pictures of every kind that is opened, small."""
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 255, (12, 16, 4), np.uint8))
    rgb = colours.convert("RGB")
    yield "PNG", encoded(rgb)
    yield "PNG with alpha", encoded(colours)
    yield "PNG with a palette", encoded(rgb.convert("P"))
    yield "PNG of 1 bit", encoded(rgb.convert("1"))
    yield "PNG of 16 bit", encoded(Image.fromarray(rng.integers(0, 65535, (12, 16)).astype(np.uint16)))
    yield "JPEG", encoded(rgb, "JPEG")
    yield "JPEG of four inks", encoded(rgb.convert("CMYK"), "JPEG")
    yield "progressive JPEG", encoded(rgb, "JPEG", progressive=True)
    yield "JPEG with a profile", encoded(rgb, "JPEG", icc_profile=b"\0" * 300)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "turned JPEG", encoded(rgb, "JPEG", exif=exif)
    yield "GIF", encoded(rgb.convert("P"), "GIF")
    yield "moving GIF", many_frames("GIF", 3, side=8)
    yield "WebP", encoded(rgb, "WEBP")
    yield "moving WebP", many_frames("WEBP", 3, side=8)
    yield "BMP", encoded(rgb, "BMP")
    yield "TIFF", encoded(rgb, "TIFF")
    yield "packed TIFF", encoded(rgb, "TIFF", compression="tiff_lzw")
    yield "TIFF of one grey", grey_tiff(-1e30)


def damaged_pictures(each: int = 12, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """The same, whole, cut, and with some bytes changed."""
    rng = np.random.default_rng(seed)
    for what, whole in kinds():
        yield what, whole
        for number in range(each):
            if number % 3 == 0:
                yield f"{what}, cut", whole[: int(rng.integers(1, len(whole)))]
                continue
            content = bytearray(whole)
            # Mostly near the beginning, where sizes and places are written.
            for place in (rng.random(int(rng.integers(1, 6))) ** 3 * len(whole)).astype(int):
                content[place] = int(rng.integers(256))
            yield f"{what}, changed", bytes(content)
