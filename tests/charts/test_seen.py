"""What of a picture a model sees, drawn: the veil over the rest of it, the grid, and each view as it is given."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from core.answer import PatchView, TokenKind, TokenLayout
from core.charts.explained import explained_image
from core.charts.export import Legend, svg_map
from core.charts.heat_images import heat_image
from core.charts.heatmap import NEVER_SEEN, Scale, heatmap
from core.charts.readings import Reading, reading_grid
from core.charts.seen import seen_chart, seen_part, view_image

PICTURE = Image.new("RGB", (80, 40), "#ff0000")
CROP = TokenLayout(
    (TokenKind.IMAGE,) * 4, (PatchView(0, "crop", 2, 2, (20, 0, 60, 40), (0, 1, 2, 3), resized=(28, 28)),), ((80, 40),)
)
VALUES = np.ones(4)
READINGS = {position: Reading(("a",), (0.5,)) for position in range(4)}


@pytest.mark.parametrize(
    "chart",
    [
        heatmap([PICTURE], CROP, VALUES, size=80),
        reading_grid([PICTURE], CROP, READINGS, size=80),
        explained_image([PICTURE], CROP, {0: 1}, 1, size=80),
        seen_chart([PICTURE], CROP, 0, 80),
    ],
)
def test_what_is_never_seen_is_veiled_on_every_figure_and_says_so(chart) -> None:  # type: ignore[no-untyped-def]
    rows = [row for table in chart.to_dict()["datasets"].values() for row in table if row.get("state") == NEVER_SEEN]
    assert [(row["x"], row["y"], row["x2"], row["y2"]) for row in rows] == [(0, 0, 20, 40), (60, 0, 80, 40)]


def test_the_veil_is_in_pixels_and_in_svg_too() -> None:
    pixels = np.asarray(heat_image([PICTURE], CROP, VALUES, size=80, opacity=0)).astype(int)
    assert pixels[20, 40].tolist() == [255, 0, 0]
    assert np.abs(pixels[20, 10] - pixels[20, 70]).max() == 0 and pixels[20, 10, 0] < 170
    drawn = svg_map([PICTURE], CROP, VALUES, Scale(0, 1), 0.6, Legend("a map", (), "{}"))
    titles = [title.text for title in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}title")]
    assert titles.count(NEVER_SEEN) == 2


def test_a_picture_that_is_seen_whole_has_no_veil() -> None:
    view = PatchView(0, "picture", 2, 2, (0, 0, 80, 40), (0, 1, 2, 3))
    whole = TokenLayout(CROP.kinds, (view,), CROP.image_sizes)
    assert NEVER_SEEN not in str(heatmap([PICTURE], whole, VALUES).to_dict())


def test_a_view_is_drawn_as_coarse_as_it_is_given_and_padding_is_grey() -> None:
    half = Image.new("RGB", (40, 20), "#ff0000")
    half.paste((0, 0, 255), (20, 0, 40, 20))
    padded = PatchView(0, "square", 1, 1, (0, -10, 40, 30), (0,), resized=(8, 8))
    pixels = np.asarray(view_image(half, padded, 80))
    assert pixels.shape == (80, 80, 3)
    assert pixels[5, 40].tolist() == pixels[75, 40].tolist() == [0x80, 0x90, 0xA0]
    assert pixels[40, 5].tolist() == [255, 0, 0] and pixels[40, 75].tolist() == [0, 0, 255]
    # One pixel that the tower gets is ten drawn ones.
    assert len({tuple(pixel) for pixel in pixels[40, 20:30]}) == 1


def test_a_grid_of_a_picture_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="no image token"):
        seen_chart([PICTURE], TokenLayout(CROP.kinds, (), CROP.image_sizes), 0, 80)


def test_what_it_sees_is_without_the_rim_that_a_crop_cuts_off() -> None:
    assert seen_part(PICTURE, CROP, 0).size == (40, 40)
    assert seen_part(PICTURE, TokenLayout(CROP.kinds, (), CROP.image_sizes), 0).size == (80, 40)
