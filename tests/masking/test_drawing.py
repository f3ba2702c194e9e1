"""What the canvas paints is what is hidden.

`canvas_recordings.json` holds drawings made with the mouse on the real component (streamlit-drawable-canvas 0.13,
160 x 120 pixels, in Chromium), some of them fed back scaled, turned, skewed and flipped, each with the pixels the
canvas itself painted (alpha over one half, as a 1-bit PNG).
"""

from __future__ import annotations

import base64
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.masking import rasterize

CANVAS = (160, 120)
RECORDINGS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("canvas_recordings.json").read_text(encoding="utf-8")
)


def painted(name: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(RECORDINGS[name]["painted"]))), dtype=bool)


def grown(mask: np.ndarray) -> np.ndarray:
    """The mask and every pixel that touches it, corners included."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.logical_or.reduce(shifts)


@pytest.mark.parametrize("name", RECORDINGS)
def test_drawings_hide_what_the_canvas_painted_within_a_pixel(name: str) -> None:
    hidden, expected = rasterize(RECORDINGS[name], CANVAS, CANVAS), painted(name)
    assert expected.sum() > 50
    assert not (expected & ~grown(hidden)).any(), "painted, and not hidden"
    assert not (hidden & ~grown(expected)).any(), "hidden, and not painted"


@pytest.mark.parametrize(("name", "box"), [("rect", (20, 30, 91, 81)), ("rect_backwards", (40, 20, 122, 102))])
def test_rectangles_hide_exactly_what_the_canvas_painted(name: str, box: tuple[int, int, int, int]) -> None:
    """But for the canvas' own corner pixels, which a thin border leaves half transparent."""
    left, top, right, bottom = box
    expected = painted(name).copy()
    expected[np.ix_([top, bottom - 1], [left, right - 1])] = True
    assert np.array_equal(rasterize(RECORDINGS[name], CANVAS, CANVAS), expected)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_drawing_scales_with_the_picture(name: str) -> None:
    """Over a picture of 3 x 2 times the canvas, each canvas pixel is a block of 3 x 2 picture pixels."""
    large = rasterize(RECORDINGS[name], (480, 240), CANVAS)
    share = large.reshape(120, 2, 160, 3).mean(axis=(1, 3))
    expected = painted(name)
    assert not ((share > 0.5) & ~grown(expected)).any()
    assert not (expected & ~grown(share > 0.5)).any()
    assert large.mean() == pytest.approx(expected.mean(), rel=0.12)


def rectangle(**changes: object) -> dict[str, Any]:
    base = {"type": "Rect", "left": 10, "top": 20, "width": 30, "height": 40, "fill": "#000", "strokeWidth": 0}
    return {"objects": [{**base, **changes}]}


def box_mask(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((CANVAS[1], CANVAS[0]), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (10, 20, 40, 60)),
        ({"originX": "center", "originY": "center", "left": 25, "top": 40}, (10, 20, 40, 60)),
        ({"originX": "right", "originY": "bottom", "left": 40, "top": 60}, (10, 20, 40, 60)),
        ({"scaleX": 2, "scaleY": 0.5}, (10, 20, 70, 40)),
        ({"angle": 90}, (0, 20, 10, 50)),
        ({"flipX": True, "flipY": True}, (10, 20, 40, 60)),
        ({"stroke": "#000", "strokeWidth": 4}, (10, 20, 44, 64)),
        ({"stroke": None, "strokeWidth": 4}, (10, 20, 40, 60)),
        ({"stroke": "#000", "strokeWidth": 4, "strokeUniform": True, "scaleX": 2}, (10, 20, 74, 64)),
        ({"stroke": "#000", "strokeWidth": 4, "strokeUniform": False, "scaleX": 2}, (10, 20, 78, 64)),
        ({"left": -10, "top": -10}, (0, 0, 20, 30)),
        ({"left": 500}, (0, 0, 0, 0)),
    ],
)
def test_rectangles_are_placed_by_origin_scale_angle_and_border(
    changes: dict[str, object], expected: tuple[int, int, int, int]
) -> None:
    hidden = rasterize(rectangle(**changes), CANVAS, CANVAS)
    assert np.array_equal(hidden, box_mask(*expected))


def stroke(path: list[list[object]], width: float, **changes: object) -> dict[str, Any]:
    """A brush stroke whose path is in canvas coordinates, as the brush records it (placed by its middle)."""
    points = np.array([command[index : index + 2] for command in path for index in range(1, len(command), 2)], float)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    item = {"type": "Path", "path": path, "stroke": "#000", "strokeWidth": width, "fill": None}
    place = {"originX": "center", "originY": "center", "left": middle[0], "top": middle[1]}
    return {"objects": [{**item, **place, **changes}]}


@settings(max_examples=30, deadline=None)
@given(
    points=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 29)), min_size=1, max_size=4),
    width=st.integers(1, 20),
)
def test_a_stroke_hides_what_is_within_half_its_width(points: list[tuple[int, int]], width: int) -> None:
    """Against the distance of every pixel centre to a dense sampling of the line."""
    path: list[list[object]] = [["M", *points[0]], *(["L", *point] for point in points[1:])]
    hidden = rasterize(stroke(path, width), (40, 30), (40, 30))
    line = np.array(points, float)
    pieces = [np.linspace(a, b, 80) for a, b in pairwise(line)] or [line]
    samples = np.concatenate(pieces)
    ys, xs = np.mgrid[0:30, 0:40] + 0.5
    squared = ((xs[..., None] - samples[:, 0]) ** 2 + (ys[..., None] - samples[:, 1]) ** 2).min(axis=-1)
    distance = np.sqrt(squared)
    assert hidden[distance < width / 2 - 0.01].all()
    assert not hidden[distance > width / 2 + 0.6].any()


def test_a_polygon_that_crosses_itself_is_filled_where_it_winds() -> None:
    star = [(80, 10), (110, 100), (32, 44), (128, 44), (50, 100)]
    item = {"type": "Polygon", "points": [{"x": x, "y": y} for x, y in star], "originX": "center", "originY": "center"}
    hidden = rasterize({"objects": [{**item, "left": 80, "top": 55}]}, CANVAS, CANVAS)
    assert hidden[60, 80], "the middle of a pentagram is wound twice, and painted by the canvas"
    assert not hidden[90, 80], "between its feet it is not"


def test_shapes_add_up() -> None:
    both = {"objects": [*rectangle()["objects"], *rectangle(left=100)["objects"]]}
    assert np.array_equal(rasterize(both, CANVAS, CANVAS), box_mask(10, 20, 40, 60) | box_mask(100, 20, 130, 60))


def test_an_empty_drawing_hides_nothing() -> None:
    for drawing in ({}, {"objects": []}, {"objects": None}, {"objects": "Rect"}):
        assert not rasterize(drawing, (7, 5), CANVAS).any()
        assert rasterize(drawing, (7, 5), CANVAS).shape == (5, 7)


@pytest.mark.parametrize(
    "item",
    [
        None,
        "Rect",
        {"type": "Rect"},
        {"type": "Rect", "left": "a", "top": 0, "width": 10, "height": 10},
        {"type": "Rect", "left": float("nan"), "top": 0, "width": 10, "height": 10},
        {"type": "Rect", "left": 0, "top": 0, "width": 1e300, "height": 10},
        {"type": "Rect", "left": 0, "top": 0, "width": 9, "height": 9, "originX": "nowhere"},
        {"type": "Rect", "left": 0, "top": 0, "width": 9, "height": 9, "scaleX": 0, "strokeUniform": True, "stroke": 1},
        {"type": "Path", "path": []},
        {"type": "Path", "path": [["L", 1, 2], ["A", 1, 2, 3, 4, 5, 6, 7]]},
        {"type": "Path", "path": [["Z"]]},
        {"type": "Path", "path": [["M", 1]]},
        {"type": "Polygon", "points": []},
        {"type": "Polygon", "points": [{"x": 1}]},
        {"type": "IText", "text": "hello", "left": 0, "top": 0, "width": 50, "height": 20},
    ],
)
def test_objects_that_make_no_sense_hide_nothing_and_spoil_nothing(item: object) -> None:
    drawing = {"objects": [item, *rectangle()["objects"]]}
    assert np.array_equal(rasterize(drawing, CANVAS, CANVAS), box_mask(10, 20, 40, 60))


def test_sizes_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        rasterize({}, (10, 10), (0, 10))
