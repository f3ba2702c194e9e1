"""Masks as tables say them, against pixels counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cases.formats.plain import PlainFolder
from core.cases.mask import Mask, shapes_in
from core.errors import UnreadableImage
from tests.cases.folders import picture


@pytest.mark.parametrize(
    ("cell", "marked"),
    [
        ("2 1 5 3", {(x, y) for x in range(2, 5) for y in range(1, 3)}),
        ("2,1,5,3", {(x, y) for x in range(2, 5) for y in range(1, 3)}),
        ("5 3 2 1", {(x, y) for x in range(2, 5) for y in range(1, 3)}),
        ("0 0 1 1; 7 7 8 8", {(0, 0), (7, 7)}),
        ("[[0, 0, 1, 1], [7, 7, 8, 8]]", {(0, 0), (7, 7)}),
        ("[2, 1, 5, 3]", {(x, y) for x in range(2, 5) for y in range(1, 3)}),
        ("[[0, 0, 3, 0, 3, 2, 0, 2]]", {(x, y) for x in range(3) for y in range(2)}),
        ("[[[0, 0], [3, 0], [3, 2], [0, 2]]]", {(x, y) for x in range(3) for y in range(2)}),
        ("[[0, 0, 8, 0, 0, 8]]", {(x, y) for x in range(8) for y in range(8) if x + y < 7}),
    ],
)
def test_boxes_and_polygons_mark_the_pixels_whose_centres_they_hold(cell: str, marked: set[tuple[int, int]]) -> None:
    pixels = Mask(shapes=shapes_in(cell)).pixels((8, 8))
    rows, columns = np.nonzero(pixels)
    on_the_edge = {(x, y) for x in range(8) for y in range(8) if x + y == 7} if "8, 0, 0, 8" in cell else set()
    assert {(int(x), int(y)) for x, y in zip(columns, rows, strict=True)} - on_the_edge == marked


@pytest.mark.parametrize(
    "cell", ["left", "1 2 3", "[]x", "[1, 2, 3]", '["a"]', "[[1, 2]]", "[[[1]]]", "1 2 3 x", "[" * 5000]
)
def test_what_is_no_shape_is_refused(cell: str) -> None:
    with pytest.raises(ValueError):
        shapes_in(cell)


def test_a_shape_outside_the_picture_and_a_mask_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="mark no pixel"):
        Mask(shapes=shapes_in("20 20 30 30")).pixels((8, 8))
    with pytest.raises(UnreadableImage, match="8 x 8 pixels and the picture 9 x 8"):
        Mask(picture(tmp_path / "m.png", "white")).pixels((9, 8))


def test_a_table_names_pictures_shapes_and_nothing_and_says_what_it_cannot_use(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    Image.new("L", (8, 8), 255).save(tmp_path / "m.png")
    cells = ["m.png", "1 1 2 2", "none", "", "gone.png", "somewhere"]
    rows = "".join(f'a.png,Is it {number}?,yes,"{cell}"\n' for number, cell in enumerate(cells))
    (tmp_path / "cases.csv").write_text(f"image,question,expected,mask\n{rows}")
    found = PlainFolder().read(tmp_path)
    masks = [case.mask for case in found.cases]
    assert [mask and (mask.file is not None, len(mask.shapes)) for mask in masks] == [
        *((True, 0), (False, 1), (False, 0)),
        *(None, None, None),
    ]
    assert masks[0] is not None and masks[0].pixels((8, 8)).all()
    assert masks[2] is not None and not masks[2].pixels((8, 8)).any()
    assert "masks of lines 6, 7 cannot be used" in found.problems[0] and "gone.png" in found.problems[0]
    assert "mask" not in found.cases[0].about
