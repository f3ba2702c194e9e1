"""Pictures that would cost without end are refused, or end; what is only odd is shown."""

from __future__ import annotations

import threading
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from core import decoding
from core.decoding import MOST_SCANS, alone, scans
from core.errors import UnreadableImage
from core.images import LONGEST_SIDE, MAX_WEBP_PIXELS, as_mask, moves, open_image, plain_name
from core.shrinking import shrunk
from tests.hostile.pictures import (
    encoded,
    flat_png,
    grey_tiff,
    jpeg_tiff,
    many_frames,
    many_scans,
    many_segments,
    png_chunk,
    with_png_chunks,
)

QUICKLY = 0.5
"""Processor seconds, on a machine that is busy with much else."""


def seconds_of(data: bytes) -> float:
    began = time.thread_time()
    with pytest.raises(UnreadableImage):
        open_image(data)
    return time.thread_time() - began


def test_a_jpeg_of_a_thousand_scans_is_refused_before_it_is_decoded() -> None:
    data = many_scans(1000, side=400)
    with pytest.raises(UnreadableImage, match=rf"“x\.jpg” is a JPEG of 1,0\d\d scans.* at most {MOST_SCANS}"):
        open_image(data, "x.jpg")
    assert seconds_of(data) < QUICKLY
    assert seconds_of(jpeg_tiff(data, 400, 400)) < QUICKLY


def test_an_ordinary_progressive_jpeg_is_opened_whatever_its_metadata_and_its_end_hold() -> None:
    looks_like_scans = b"\xff\xda" * 500
    picture = Image.effect_noise((64, 48), 80)
    data = encoded(picture, "JPEG", progressive=True, comment=looks_like_scans) + looks_like_scans
    assert 1 < scans(data) <= 12 and open_image(data).size == (64, 48)
    assert scans(encoded(picture, "JPEG")) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(many_segments(200_000), id="comments of a JPEG"),
        pytest.param(with_png_chunks(png_chunk(b"abCd", b"") * 100_000), id="chunks of a PNG"),
        pytest.param(with_png_chunks(png_chunk(b"tEXt", b"a\0b") * 100_000), id="texts of a PNG"),
        pytest.param(encoded(Image.effect_noise((2000, 2000), 90), compress_level=0), id="pixels"),
    ],
)
def test_whatever_takes_too_long_ends(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LONGEST_SECONDS", 0.01)
    assert seconds_of(data) < QUICKLY


class Stopped(Exception):
    """What somebody's Stop raises."""


def test_stop_is_heard_while_a_picture_is_decoded_and_while_it_waits() -> None:
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise Stopped

    with pytest.raises(Stopped):
        open_image(flat_png(1500, 1500), stop=stop)
    with alone(64_000_000, stop), pytest.raises(Stopped), alone(64_000_000, stop):
        raise AssertionError("two large pictures at once")


def test_large_pictures_are_decoded_one_after_the_other() -> None:
    others: list[str] = []

    def one() -> None:
        with alone(64_000_000, lambda: None):
            others.append("large")

    with alone(64_000_000, lambda: None):
        waiting = threading.Thread(target=one)
        waiting.start()
        with alone(100, lambda: None):
            others.append("small")
        time.sleep(0.02)
        assert others == ["small"]
    waiting.join(5)
    assert others == ["small", "large"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "L", "CMYK", "I;16", "I", "F"])
def test_shrinking_by_bands_is_shrinking_whole(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(rng.integers(0, 65535, (90, 150)).astype(kind))
    else:
        pixels = Image.fromarray(rng.integers(0, 255, (90, 150, 4), np.uint8))
        image = (
            pixels if mode == "RGBA" else pixels.convert(mode) if mode == "LA" else pixels.convert("RGB").convert(mode)
        )
    monkeypatch.setattr("core.shrinking.BAND", 10**9)
    whole = shrunk(image, 50)
    monkeypatch.setattr("core.shrinking.BAND", 1000)
    assert np.array_equal(np.asarray(shrunk(image, 50)), np.asarray(whole)) and whole.size == (50, 30)
    full = shrunk(image, 150)
    assert np.array_equal(np.asarray(whole), np.asarray(full.resize((50, 30), Image.Resampling.LANCZOS)))


def test_a_large_picture_takes_little_beside_its_pixels() -> None:
    """numpy's copies are those that tracemalloc sees; a whole one in floating point would be 44 MB."""
    data = flat_png(2350, 2350, colour_type=0, depth=16)
    tracemalloc.start()
    try:
        assert open_image(data).size == (LONGEST_SIDE, LONGEST_SIDE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6


def test_a_webp_that_is_too_large_for_its_decoder_is_refused() -> None:
    side = int(MAX_WEBP_PIXELS**0.5) + 10
    data = bytearray(encoded(Image.new("RGB", (8, 8)), "WEBP", lossless=True))
    bits = (int.from_bytes(data[21:25], "little") & ~0xFFFFFFF) | (side - 1) | (side - 1) << 14
    data[21:25] = bits.to_bytes(4, "little")
    with pytest.raises(UnreadableImage, match="at most 32 are opened of a WebP"):
        open_image(bytes(data))


@pytest.mark.parametrize("mode", ["F", "I"])
@pytest.mark.parametrize(("value", "shown"), [(-5, 0), (-(2**31), 0), (70000, 255), (2**31 - 200, 255), (0, 0)])
def test_a_tiff_of_one_grey_is_shown_whatever_the_grey(value: float, shown: int, mode: str) -> None:
    assert np.unique(np.asarray(open_image(grey_tiff(value, mode)))).tolist() == [shown]


@pytest.mark.parametrize(("value", "shown"), [(-5e30, 0), (-3e38, 0), (3e38, 255), (-1e-40, 0), (1e-40, 0)])
def test_a_tiff_of_one_grey_is_shown_however_small_or_large(value: float, shown: int) -> None:
    assert np.unique(np.asarray(open_image(grey_tiff(value)))).tolist() == [shown]


def test_huge_greys_of_several_kinds_are_stretched() -> None:
    image = Image.fromarray(np.array([[-3e38, 0, 3e38]], np.float32))
    assert np.asarray(open_image(encoded(image, "TIFF")))[..., 0].tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "TIFF"])
def test_of_many_frames_one_is_decoded(format: str) -> None:
    data = many_frames(format, 60)
    began = time.thread_time()
    assert open_image(data).size == (64, 64)
    assert time.thread_time() - began < QUICKLY


def test_whether_a_gif_moves_is_told_of_damaged_ones_too() -> None:
    assert moves(many_frames("GIF", 2)) and not moves(many_frames("GIF", 1)) and not moves(b"GIF89a")


def test_a_profile_that_unpacks_to_gigabytes_costs_nothing() -> None:
    packed = zlib.compress(b"\0" * 50_000_000)
    assert seconds_of(with_png_chunks(png_chunk(b"iCCP", b"a\0\0" + packed))) < QUICKLY


def test_a_large_mask_is_that_of_its_pixels() -> None:
    """Its size is that of the picture it was drawn for, shrunk."""
    white = Image.new("L", (LONGEST_SIDE + 200, 40), 255)
    assert as_mask(white).shape == (round(40 * LONGEST_SIDE / (LONGEST_SIDE + 200)), LONGEST_SIDE)


def test_names_of_files_become_labels() -> None:
    assert plain_name("/a/b\u202egpj.exe") == "bgpj.exe"
    assert len(plain_name("x" * 250 + ".png")) <= 48 and plain_name("x" * 250 + ".png").endswith(".png")
    assert plain_name("\u200b\n") == ""
