"""Pictures that nobody vouches for: every mode arrives right, and every bad file gets a sentence."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from core.clips import as_visuals
from core.errors import UnreadableImage
from core.images import (
    LONGEST_SIDE,
    MAX_BYTES,
    as_image,
    as_mask,
    display_name,
    open_file,
    open_image,
    shrunk_from,
)

# Broken files are what is tested here, and Pillow warns of some before it refuses them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Corrupt EXIF data"),
    pytest.mark.filterwarnings("ignore:Tag data larger than file"),
]


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def corner_picture(width: int = 32, height: int = 20) -> Image.Image:
    """White, with a red upper left quarter: any turn or flip of it can be told."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((255, 0, 0), (0, 0, width // 2, height // 2))
    return image


def huge_png(width: int, height: int) -> bytes:
    """A PNG of some kilobytes that declares `width` x `height` black pixels of one bit."""
    row = b"\0" + b"\0" * ((width + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP", "TIFF"])
def test_lossless_formats_keep_every_pixel(format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8))
    opened = open_image(encoded(noise, format, **({"lossless": True} if format == "WEBP" else {})))
    assert opened.mode == "RGB"
    assert np.array_equal(np.asarray(opened), np.asarray(noise))


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_lossy_formats_keep_the_picture(format: str) -> None:
    opened = open_image(encoded(corner_picture(), format, **({"quality": 95} if format == "JPEG" else {})))
    difference = np.abs(np.asarray(opened, float) - np.asarray(corner_picture(), float))
    assert opened.mode == "RGB"
    assert difference.mean() < 4


# The EXIF standard's own words for what the 0th row and the 0th column of the stored picture are.
STANDARD = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored_as(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores an upright picture under an orientation, from the standard's words alone."""
    row, column = STANDARD[orientation]
    turned = upright if row in ("top", "bottom") else upright.transpose(1, 0, 2)
    if row in ("bottom", "right"):
        turned = turned[::-1]
    if column in ("bottom", "right"):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_undone(orientation: int, format: str) -> None:
    upright = np.asarray(corner_picture())
    stored = Image.fromarray(stored_as(upright, orientation))
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(encoded(stored, format, exif=exif, **({"lossless": True} if format == "WEBP" else {})))
    assert np.array_equal(np.asarray(opened), upright)


def test_broken_exif_leaves_the_picture_as_stored() -> None:
    data = encoded(corner_picture(), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert np.array_equal(np.asarray(open_image(data)), np.asarray(corner_picture()))


def test_palette_colours_and_palette_transparency() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    assert np.asarray(open_image(encoded(palette))).tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert np.asarray(open_image(encoded(palette, transparency=1))).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_alpha_is_laid_over_white() -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(0, 0, 0, 255), (0, 0, 0, 0), (200, 0, 0, 51)])
    # 20 % of 200 over 80 % of 255, and 80 % of 255
    assert np.asarray(open_image(encoded(image))).tolist() == [[[0, 0, 0], [255, 255, 255], [244, 204, 204]]]


def test_grey_with_alpha_is_laid_over_white() -> None:
    image = Image.new("LA", (2, 1))
    image.putdata([(10, 255), (10, 0)])
    assert np.asarray(open_image(encoded(image)))[..., 0].tolist() == [[10, 255]]


def test_sixteen_bit_greys_are_scaled_and_not_clipped() -> None:
    ramp = np.array([[0, 257, 128 * 257, 40000, 65535]], dtype=np.uint16)
    expected = [[0, 1, 128, round(40000 / 257), 255]]
    assert np.asarray(open_image(encoded(Image.fromarray(ramp))))[..., 0].tolist() == expected
    assert np.asarray(open_image(encoded(Image.fromarray(ramp), "TIFF")))[..., 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 100, 255]], [[0, 100, 255]]),
        ([[0, 257, 65535]], [[0, 1, 255]]),
        ([[-1000, 0, 1000]], [[0, 128, 255]]),
        ([[7, 7, 7]], [[7, 7, 7]]),
    ],
)
def test_integer_greys_are_read_in_the_range_that_holds_them(
    values: list[list[int]], expected: list[list[int]]
) -> None:
    image = Image.fromarray(np.array(values, dtype=np.int32))
    assert image.mode == "I"
    assert np.asarray(open_image(encoded(image, "TIFF")))[..., 0].tolist() == expected


def test_floating_point_greys_survive_holes() -> None:
    image = Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan, np.inf]], dtype=np.float32))
    assert np.asarray(open_image(encoded(image, "TIFF")))[..., 0].tolist() == [[0, 128, 255, 0, 0]]


@pytest.mark.parametrize("mode", ["1", "L"])
def test_black_and_white(mode: str) -> None:
    image = Image.new(mode, (2, 1))
    image.putdata([0, 255])
    assert np.asarray(open_image(encoded(image))).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixel = np.asarray(open_image(encoded(red, "JPEG", quality=95)))[8, 8].astype(int)
    assert np.abs(pixel - [255, 0, 0]).max() < 6


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    for format in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if format == "WEBP" else {}
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert np.asarray(open_image(data))[4, 4].tolist() == [255, 0, 0], format


@pytest.mark.parametrize(("width", "height"), [(5000, 100), (100, 5000), (2049, 2048), (4000, 1)])
def test_large_pictures_keep_their_shape_within_the_longest_side(width: int, height: int) -> None:
    opened = open_image(encoded(Image.new("RGB", (width, height), "red")))
    assert max(opened.size) == LONGEST_SIDE
    assert opened.size[1] == max(1, round(LONGEST_SIDE / max(width, height) * height))
    assert np.asarray(opened).reshape(-1, 3).max(axis=0).tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_picture_that_was_shrunk_knows_the_size_of_its_file(orientation: int, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(encoded(Image.new("RGB", (5000, 1000)), format, exif=exif))
    assert shrunk_from(opened) == ((5000, 1000) if orientation == 1 else (1000, 5000))
    assert shrunk_from(open_image(encoded(opened))) is None


def test_text_in_a_file_does_not_claim_that_it_was_shrunk() -> None:
    about = PngInfo()
    about.add_text("sightline shrunk from", "((9000, 9000), (16, 16))")
    image = Image.open(io.BytesIO(encoded(Image.new("RGB", (16, 16)), pnginfo=about)))
    assert shrunk_from(as_image(image)) is None


def test_one_pixel_is_a_picture() -> None:
    assert open_image(encoded(Image.new("RGB", (1, 1), "red"))).getpixel((0, 0)) == (255, 0, 0)


def test_the_signature_decides_and_not_the_name() -> None:
    assert open_image(encoded(corner_picture(), "BMP"), "holiday.png").size == (32, 20)


def svg(prefix: str) -> bytes:
    return (prefix + '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>').encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["empty"]),
        (b"hello, I am a text file", ["not a picture"]),
        (b"\x00" * 200, ["not a picture"]),
        (b"PK\x03\x04" + b"\0" * 60, ["not a picture"]),
        (svg(""), ["SVG", "PNG"]),
        (svg('<?xml version="1.0"?>\n'), ["SVG", "PNG"]),
        (svg("\n  <!-- drawn by hand -->\n"), ["SVG", "PNG"]),
        (b"<!DOCTYPE html><html></html>", ["web page"]),
        (b"%PDF-1.7", ["PDF"]),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, ["HEIC", "Export"]),
        (b"RIFF\x24\0\0\0WAVEfmt ", ["sound"]),
        (b"\x89PNG\r\n\x1a\n", ["Save or download it again"]),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, ["Save or download it again"]),
        (b"GIF89a", ["Save or download it again"]),
        (b"II*\0" + b"\xff" * 40, ["Save or download it again"]),
        (b"BM" + b"\xff" * 60, ["Save or download it again"]),
        (b"RIFF\xff\0\0\0WEBPVP8 ", ["Save or download it again"]),
    ],
)
def test_what_is_no_picture_gets_a_sentence(data: bytes, words: list[str]) -> None:
    with pytest.raises(UnreadableImage) as caught:
        open_image(data, "holiday.png")
    sentence = str(caught.value)
    assert sentence.startswith("“holiday.png” ")
    assert sentence.endswith(".")
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_half_a_picture_is_refused_and_never_shown(format: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 90, 3), dtype=np.uint8))
    data = encoded(noise, format)
    with pytest.raises(UnreadableImage, match="Save or download it again"):
        open_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_truncated_picture_is_called_truncated(format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 90, 3), dtype=np.uint8))
    data = encoded(noise, format)
    with pytest.raises(UnreadableImage, match="truncated"):
        open_image(data[: len(data) // 2])


@pytest.mark.parametrize("side", [9_000, 20_000])
def test_a_picture_that_declares_too_many_pixels_is_refused_before_decoding(side: int) -> None:
    data = huge_png(side, side)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableImage) as caught:
            open_image(data, "poster.png")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"{side:,} × {side:,} pixels" in str(caught.value)
    assert f"{side * side // 1_000_000} megapixels" in str(caught.value)
    assert peak < 4 * len(data) + 2**20


def test_a_picture_within_the_pixel_limit_is_opened() -> None:
    assert open_image(huge_png(7_000, 7_000)).size == (LONGEST_SIDE, LONGEST_SIDE)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(UnreadableImage, match=r"20\.0 MB.*at most 20 MB"):
        open_image(encoded(corner_picture()) + b"\0" * MAX_BYTES)


def test_a_compressed_comment_that_unpacks_to_gigabytes_is_refused() -> None:
    """A zTXt chunk of zeros: a bomb that no width or height announces."""
    packed = zlib.compress(b"\0" * 50_000_000, 9)
    body = b"Comment\0\0" + packed
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    plain = encoded(corner_picture())
    end_of_header = 8 + 25
    with pytest.raises(UnreadableImage):
        open_image(plain[:end_of_header] + chunk + plain[end_of_header:])


def test_names_are_shortened_and_carry_no_control_characters() -> None:
    assert display_name("../../etc/holiday.png") == "“holiday.png”"
    assert display_name("C:\\photos\\holiday.png") == "“holiday.png”"
    assert display_name("a\nb\x1b[31m\u202egnp.exe") == "“ab[31mgnp.exe”"
    assert display_name("\n") == "The file"
    long = display_name("x" * 500 + ".png")
    assert len(long) <= 50 and long.endswith(".png”") and "…" in long


@settings(max_examples=150, deadline=None)
@given(
    format=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_damaged_bytes_give_a_picture_or_a_sentence(format: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(corner_picture(), format))
    for position, value in damage:
        data[position % len(data)] = value
    try:
        opened = open_image(bytes(data))
    except UnreadableImage as error:
        assert str(error).endswith(".")
    else:
        assert opened.mode == "RGB" and max(opened.size) <= LONGEST_SIDE


def test_a_picture_that_is_plain_already_stays_the_same_object() -> None:
    image = corner_picture()
    assert as_image(image) is image


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_opened_elsewhere_is_turned_as_its_file_is(orientation: int, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(stored_as(np.asarray(corner_picture()), orientation)), format, exif=exif)
    turned = as_image(Image.open(io.BytesIO(data)))
    assert np.array_equal(np.asarray(turned), np.asarray(open_image(data)))
    assert as_image(turned) is turned, "a second look must not turn it again"


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_a_picture_of_any_mode_becomes_what_its_file_becomes(mode: str) -> None:
    image = corner_picture().convert("L").convert(mode) if mode in ("LA", "I;16", "I", "F") else None
    image = image or corner_picture().convert(mode)
    plain = as_image(image)
    assert plain.mode == "RGB" and as_image(plain) is plain
    if mode not in ("CMYK", "YCbCr", "I", "F"):  # of which PNG knows nothing
        assert np.array_equal(np.asarray(plain), np.asarray(open_image(encoded(image))))


def test_what_lies_under_transparency_is_not_seen() -> None:
    image = Image.new("RGBA", (1, 1), (200, 0, 0, 0))
    assert np.asarray(as_image(image)).tolist() == [[[255, 255, 255]]]
    keyed = Image.new("RGB", (1, 1), (200, 0, 0))
    keyed.info["transparency"] = (200, 0, 0)
    assert np.asarray(as_image(keyed)).tolist() == [[[255, 255, 255]]]


def test_a_picture_opened_elsewhere_is_scaled_down_and_itself_left_alone() -> None:
    large = Image.new("RGB", (LONGEST_SIDE * 2, 10))
    assert as_image(large).size == (LONGEST_SIDE, 5)
    assert large.size == (LONGEST_SIDE * 2, 10)


def test_files_are_opened_by_their_path(tmp_path: Path) -> None:
    corner_picture().save(tmp_path / "a.png")
    [one] = as_visuals(str(tmp_path / "a.png"))[0]
    first, second = as_visuals([tmp_path / "a.png", corner_picture()])[0]
    assert np.array_equal(np.asarray(one), np.asarray(first))
    assert np.array_equal(np.asarray(first), np.asarray(second))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"“gone\.png” cannot be read \(No such file or directory\)"):
        as_image(tmp_path / "gone.png")


def test_a_truncated_file_opened_elsewhere_is_a_sentence() -> None:
    cut = encoded(Image.effect_noise((200, 200), 90))[:2000]
    with pytest.raises(UnreadableImage, match="The picture is truncated"):
        as_image(Image.open(io.BytesIO(cut)))


WHITE = np.indices((20, 30))[1] < 12


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16"])
def test_a_mask_without_transparency_marks_its_white_pixels(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.where(WHITE, 255, 0).astype(np.uint8))
    mask = Image.fromarray(np.where(WHITE, 65535, 0).astype(np.uint16)) if mode == "I;16" else grey.convert(mode)
    mask.save(tmp_path / "mask.png")
    for one in (mask, tmp_path / "mask.png"):
        assert np.array_equal(as_mask(one), WHITE)


def test_white_begins_at_the_middle_grey() -> None:
    assert as_mask(Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))).tolist() == [[False, False, True, True]]


@pytest.mark.parametrize("colour", [0, 255])
def test_a_mask_with_transparency_marks_its_opaque_pixels_whatever_their_colour(tmp_path: Path, colour: int) -> None:
    pixels = np.full((20, 30, 4), colour, np.uint8)
    pixels[..., 3] = np.where(WHITE, 200, 100)
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert np.array_equal(as_mask(tmp_path / "mask.png"), WHITE)


def test_a_mask_that_could_be_transparent_and_is_not_marks_its_white_pixels() -> None:
    opaque = Image.fromarray(np.where(WHITE, 255, 0).astype(np.uint8)).convert("RGBA")
    assert np.array_equal(as_mask(opaque), WHITE)


def test_a_mask_becomes_upright_and_small_as_its_picture_does(tmp_path: Path) -> None:
    size = (LONGEST_SIDE + 200, 40)
    for name in ("picture", "mask"):
        image = Image.new("L", size, 255)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        image.save(tmp_path / f"{name}.png", exif=exif)
    marked = as_mask(tmp_path / "mask.png")
    assert marked.shape[::-1] == open_file(tmp_path / "picture.png").size != size
    assert marked.all()


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"no picture", "is not a picture")])
def test_a_mask_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "mask.png").write_bytes(content)
    with pytest.raises(UnreadableImage, match=f"“mask.png” {reason}"):
        as_mask(tmp_path / "mask.png")
    with pytest.raises(UnreadableImage, match="cannot be read"):
        as_mask(tmp_path / "nowhere.png")
