"""What a model sees of a picture, against counting pixels one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answer import Box, PatchView, TokenKind, TokenLayout
from core.geometry import never_seen, seen_pixels, share_of_region_seen, share_seen


def layout_of(*boxes: Box, size: tuple[int, int]) -> TokenLayout:
    """A layout with a view of one token for each box."""
    views = tuple(PatchView(0, f"view {i}", 1, 1, box, (i,)) for i, box in enumerate(boxes))
    return TokenLayout((TokenKind.IMAGE,) * len(boxes), views, (size,))


@st.composite
def layouts(draw: st.DrawFn) -> TokenLayout:
    """A picture and one to four views with whole edges, which may overlap, reach beyond it or leave something."""
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        left, top = draw(st.integers(-4, width + 2)), draw(st.integers(-4, height + 2))
        boxes.append((left, top, left + draw(st.integers(1, 14)), top + draw(st.integers(1, 14))))
    return layout_of(*boxes, size=(width, height))


def counted(layout: TokenLayout) -> np.ndarray:
    """The pixels whose centre is in a view, pixel by pixel."""
    width, height = layout.image_sizes[0]
    boxes = [view.box for view in layout.views]
    return np.array(
        [
            [any(b[0] <= x + 0.5 < b[2] and b[1] <= y + 0.5 < b[3] for b in boxes) for x in range(width)]
            for y in range(height)
        ]
    )


@given(layouts())
def test_seen_pixels_are_those_in_a_view(layout: TokenLayout) -> None:
    seen = seen_pixels(layout)
    assert seen is not None and np.array_equal(seen, counted(layout))
    assert share_seen(layout) == pytest.approx(counted(layout).mean())


@given(layouts())
def test_what_is_never_seen_are_boxes_that_hold_every_other_pixel_once(layout: TokenLayout) -> None:
    width, height = layout.image_sizes[0]
    times = np.zeros((height, width), int)
    for left, top, right, bottom in never_seen(layout):
        times[int(top) : int(bottom), int(left) : int(right)] += 1
    assert np.array_equal(times, (~counted(layout)).astype(int))


@given(layouts(), st.integers(0, 2**20))
def test_the_seen_share_of_a_region_is_counted_in_its_pixels(layout: TokenLayout, seed: int) -> None:
    width, height = layout.image_sizes[0]
    region = np.random.default_rng(seed).random((height, width)) < 0.4
    share = share_of_region_seen(region, layout)
    assert share is None if not region.any() else share == pytest.approx(counted(layout)[region].mean())


def test_edges_between_pixels_count_by_area() -> None:
    assert share_seen(layout_of((2.5, 0, 7.5, 10), size=(10, 10))) == pytest.approx(0.5)


def test_a_sides_two_strips_are_two_boxes() -> None:
    layout = layout_of((2, 0, 8, 4), (2, 4, 8, 8), size=(10, 8))
    assert never_seen(layout) == ((0, 0, 2, 8), (8, 0, 10, 8))


def test_without_views_nothing_is_known() -> None:
    layout = layout_of(size=(10, 8))
    assert never_seen(layout) == () and seen_pixels(layout) is None and share_seen(layout) is None
    assert share_of_region_seen(np.ones((8, 10), bool), layout) is None


def test_a_region_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 x 2"):
        share_of_region_seen(np.ones((2, 3), bool), layout_of((0, 0, 10, 8), size=(10, 8)))
