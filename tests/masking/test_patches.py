"""Which image tokens a mask covers, against counting pixels one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.answer import Box, PatchView, TokenKind, TokenLayout
from core.masking import covered_patches, patch_coverage, pixels_of, snap_to_patches


def layout_of(*views: tuple[int, int, Box], size: tuple[int, int], before: int = 3) -> TokenLayout:
    """`views` are (rows, columns, box), their image tokens one after the other after `before` other tokens."""
    boxed, start = [], before
    for rows, columns, box in views:
        boxed.append(PatchView(0, "view", rows, columns, box, tuple(range(start, start + rows * columns))))
        start += rows * columns
    kinds = (TokenKind.TEXT,) * before + (TokenKind.IMAGE,) * (start - before)
    return TokenLayout(kinds, tuple(boxed), (size,))


def share_by_counting(hidden: np.ndarray, box: Box) -> float | None:
    """The hidden share of the pixels whose centre lies in a box, pixel by pixel."""
    left, top, right, bottom = box
    inside = [
        bool(hidden[y, x])
        for y in range(hidden.shape[0])
        for x in range(hidden.shape[1])
        if left <= x + 0.5 < right and top <= y + 0.5 < bottom
    ]
    return sum(inside) / len(inside) if inside else None


@st.composite
def grids(draw: st.DrawFn) -> tuple[TokenLayout, np.ndarray]:
    """A picture, a grid of patches of at least one pixel that may reach beyond it or leave a rim, and a mask."""
    width, height = draw(st.integers(3, 12)), draw(st.integers(3, 12))
    left, top = draw(st.floats(-3, 2)), draw(st.floats(-3, 2))
    right, bottom = width + draw(st.floats(-1, 4)), height + draw(st.floats(-1, 4))
    rows = draw(st.integers(1, max(1, int(bottom - top))))
    columns = draw(st.integers(1, max(1, int(right - left))))
    hidden = np.random.default_rng(draw(st.integers(0, 2**20))).random((height, width)) < draw(st.floats(0, 1))
    return layout_of((rows, columns, (left, top, right, bottom)), size=(width, height)), hidden


@settings(max_examples=50, deadline=None)
@given(grids())
def test_coverage_is_the_share_of_hidden_pixels(case: tuple[TokenLayout, np.ndarray]) -> None:
    layout, hidden = case
    coverage = patch_coverage(hidden, layout)
    for position in layout.positions(TokenKind.IMAGE):
        box = layout.box(position)
        assert box is not None
        counted = share_by_counting(hidden, box)
        if counted is not None:
            assert coverage[position] == pytest.approx(counted)


@settings(max_examples=50, deadline=None)
@given(grids(), st.floats(0, 0.9))
def test_snapping_covers_the_same_patches_and_does_nothing_twice(
    case: tuple[TokenLayout, np.ndarray], share: float
) -> None:
    layout, hidden = case
    snapped = snap_to_patches(hidden, layout, share=share)
    assert np.array_equal(snap_to_patches(snapped, layout, share=share), snapped)
    coverage = patch_coverage(snapped, layout)
    covered = set(covered_patches(hidden, layout, share=share))
    for position, value in coverage.items():
        box = layout.box(position)
        assert box is not None
        if share_by_counting(hidden, box) is not None:
            assert value == (1.0 if position in covered else 0.0)


@settings(max_examples=50, deadline=None)
@given(grids(), st.integers(0, 2**20), st.floats(0, 0.9), st.floats(0, 0.9))
def test_hiding_more_never_covers_fewer_patches(
    case: tuple[TokenLayout, np.ndarray], seed: int, low: float, high: float
) -> None:
    layout, hidden = case
    more = hidden | (np.random.default_rng(seed).random(hidden.shape) < 0.3)
    low, high = sorted((low, high))
    assert set(covered_patches(hidden, layout, share=low)) <= set(covered_patches(more, layout, share=low))
    assert set(covered_patches(hidden, layout, share=high)) <= set(covered_patches(hidden, layout, share=low))


def test_nothing_and_everything() -> None:
    layout = layout_of((3, 4, (0, 0, 40, 30)), size=(40, 30))
    nothing = np.zeros((30, 40), dtype=bool)
    assert covered_patches(nothing, layout) == ()
    assert covered_patches(~nothing, layout) == layout.positions(TokenKind.IMAGE)


def test_a_rectangle_over_two_patches_covers_those_two() -> None:
    layout = layout_of((3, 4, (0, 0, 40, 30)), size=(40, 30))
    hidden = np.zeros((30, 40), dtype=bool)
    hidden[2:9, 12:28] = True
    assert covered_patches(hidden, layout) == (3 + 1, 3 + 2)
    expected = np.zeros_like(hidden)
    expected[0:10, 10:30] = True
    assert np.array_equal(snap_to_patches(hidden, layout), expected)


def test_a_corner_of_five_percent_is_not_yet_covered() -> None:
    layout = layout_of((1, 2, (0, 0, 20, 10)), size=(20, 10))
    hidden = np.zeros((10, 20), dtype=bool)
    hidden[0, :5] = True
    assert covered_patches(hidden, layout) == ()
    assert not snap_to_patches(hidden, layout).any()
    hidden[1, 0] = True
    assert covered_patches(hidden, layout) == (3,)


def test_padding_outside_the_picture_does_not_dilute_a_patch() -> None:
    """A wide picture padded to a square: of the middle row's patches only the part inside counts."""
    layout = layout_of((2, 2, (0, -10, 20, 20)), size=(20, 10))
    hidden = np.zeros((10, 20), dtype=bool)
    hidden[:, :10] = True
    assert patch_coverage(hidden, layout) == {3: 1.0, 4: 0.0, 5: 1.0, 6: 0.0}


def test_patches_wholly_in_the_padding_are_never_covered() -> None:
    layout = layout_of((3, 1, (0, -10, 10, 20)), size=(10, 10))
    assert covered_patches(np.ones((10, 10), dtype=bool), layout) == (4,)


def test_a_picture_of_one_pixel_is_covered_by_all_its_patches() -> None:
    layout = layout_of((12, 12, (0, 0, 1, 1)), size=(1, 1))
    assert len(covered_patches(np.ones((1, 1), dtype=bool), layout)) == 144
    assert covered_patches(np.zeros((1, 1), dtype=bool), layout) == ()


def test_tiles_decide_what_snapping_hides_and_the_thumbnail_is_covered_too() -> None:
    thumbnail = (2, 2, (0.0, 0.0, 40.0, 40.0))
    tiles = (2, 2, (0.0, 0.0, 20.0, 40.0)), (2, 2, (20.0, 0.0, 40.0, 40.0))
    layout = layout_of(thumbnail, *tiles, size=(40, 40))
    hidden = np.zeros((40, 40), dtype=bool)
    hidden[3:6, 3:6] = True
    snapped = snap_to_patches(hidden, layout, share=0.01)
    expected = np.zeros_like(hidden)
    expected[:20, :10] = True
    assert np.array_equal(snapped, expected)
    assert covered_patches(snapped, layout) == (3, 7)


def test_only_the_named_image_counts() -> None:
    views = tuple(PatchView(i, "whole", 1, 1, (0, 0, 8, 8), (i,)) for i in range(2))
    layout = TokenLayout((TokenKind.IMAGE,) * 2, views, ((8, 8), (8, 8)))
    assert covered_patches(np.ones((8, 8), dtype=bool), layout, image=1) == (1,)


def test_families_without_a_grid_have_no_patches() -> None:
    layout = TokenLayout((TokenKind.IMAGE,) * 2, (), ((8, 8),))
    hidden = np.eye(8, dtype=bool)
    assert covered_patches(hidden, layout) == ()
    assert np.array_equal(snap_to_patches(hidden, layout), hidden)


def test_a_mask_of_another_size_or_image_is_refused() -> None:
    layout = layout_of((1, 1, (0, 0, 8, 8)), size=(8, 8))
    with pytest.raises(ValueError, match="9 × 8"):
        covered_patches(np.zeros((8, 9), dtype=bool), layout)
    with pytest.raises(ValueError, match="no image 1"):
        snap_to_patches(np.zeros((8, 8), dtype=bool), layout, image=1)


@settings(max_examples=50, deadline=None)
@given(grids(), st.sets(st.integers(0, 30)))
def test_the_pixels_of_patches_are_those_whose_centres_lie_in_them(
    case: tuple[TokenLayout, np.ndarray], positions: set[int]
) -> None:
    layout, _ = case
    pixels = pixels_of(positions, layout)
    boxes = [box for position in positions if position < len(layout) and (box := layout.box(position)) is not None]
    for y, x in np.ndindex(pixels.shape):
        inside = any(left <= x + 0.5 < right and top <= y + 0.5 < bottom for left, top, right, bottom in boxes)
        # (a patch between two pixel centres has the pixel it lies in)
        touched = any(left < x + 1 and x < right and top < y + 1 and y < bottom for left, top, right, bottom in boxes)
        assert pixels[y, x] or not inside
        assert touched or not pixels[y, x]


def test_pixels_of_an_image_that_is_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="no image 1"):
        pixels_of([3], layout_of((1, 1, (0, 0, 4, 4)), size=(4, 4)), image=1)
