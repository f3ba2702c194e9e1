"""A grid is taken from movements that a raster explains, and from no others."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float

from core.answer import Box
from core.vlm.grids.fit import MeasuredGrid, Movements, NoGrid, fit
from core.vlm.grids.strips import Painted, seen_part, strips

SIZE = (240, 120)
WHOLE = (0.0, 0.0, 240.0, 120.0)


def movements(raster: MeasuredGrid, size: tuple[int, int] = SIZE, noise: float = 0.0) -> Movements:
    """What tokens do that see their own cell and nothing else: the root of how many of a strip's pixels they see. With
    `noise`, every strip moves every token as well."""
    width, height = size
    rows, columns = np.divmod(np.arange(raster.rows * raster.columns), raster.columns)
    random = np.random.default_rng(0)

    def along(places: np.ndarray, cells: int, start: float, end: float, length: int) -> tuple[np.ndarray, np.ndarray]:
        parts = strips(0, length)
        low = start + places * (end - start) / cells
        high = low + (end - start) / cells
        moved = np.zeros((raster.tokens, len(parts)))
        for strip, (left, right) in enumerate(parts):
            moved[raster.indices(), strip] = np.sqrt(np.clip(np.minimum(high, right) - np.maximum(low, left), 0, None))
        return moved + noise * random.random(moved.shape), np.array([parts[0][0], *(end for _, end in parts)], float)

    left, top, right, bottom = raster.box
    down, down_edges = along(rows, raster.rows, top, bottom, height)
    across, across_edges = along(columns, raster.columns, left, right, width)
    # What pads moves nothing.
    beyond = (down.max(1) == 0) | (across.max(1) == 0)
    down[beyond] = across[beyond] = 0
    return Movements(down, across, down_edges, across_edges, size)


@pytest.mark.parametrize(
    "raster",
    [
        MeasuredGrid(4, 8, WHOLE, 0),
        MeasuredGrid(24, 24, WHOLE, 0),
        MeasuredGrid(1, 3, WHOLE, 0),
        MeasuredGrid(6, 5, WHOLE, 0, row_ends=1),
        MeasuredGrid(6, 5, WHOLE, 0, row_ends=1, last_end=False),
    ],
)
def test_the_raster_that_moved_the_tokens_is_the_one_measured(raster: MeasuredGrid) -> None:
    measured = fit(movements(raster))
    assert isinstance(measured, MeasuredGrid)
    assert (measured.rows, measured.columns, measured.row_ends) == (raster.rows, raster.columns, raster.row_ends)
    assert measured.last_end == raster.last_end
    assert measured.box == WHOLE
    assert measured.correlation > 0.98


def test_movements_all_over_the_picture_do_not_hide_a_raster() -> None:
    measured = fit(movements(MeasuredGrid(6, 8, WHOLE, 0), noise=1.5))
    assert isinstance(measured, MeasuredGrid)
    assert (measured.rows, measured.columns) == (6, 8)


@pytest.mark.parametrize("box", [(0.0, -60.0, 240.0, 180.0), (0.0, 0.0, 240.0, 240.0)])
def test_a_padded_picture_is_told_from_one_that_is_stretched(box: Box) -> None:
    measured = fit(movements(MeasuredGrid(8, 8, box, 0)))
    assert isinstance(measured, MeasuredGrid)
    assert (measured.rows, measured.columns, measured.box) == (8, 8, box)


def test_a_raster_that_lacks_its_first_token_is_refused() -> None:
    whole = movements(MeasuredGrid(4, 4, WHOLE, 0))
    cut = Movements(whole.down[1:], whole.across[1:], whole.down_edges, whole.across_edges, SIZE)
    assert isinstance(fit(cut), NoGrid)


@pytest.mark.parametrize("tokens", [1, 8, 16, 64])
def test_tokens_that_look_anywhere_are_refused(tokens: int) -> None:
    random = np.random.default_rng(1)
    edges = np.linspace(0, 240, 13), np.linspace(0, 120, 13)
    moved: list[Float[np.ndarray, "token strip"]] = [random.random((tokens, 12)) for _ in range(2)]
    outcome = fit(Movements(moved[0], moved[1], edges[1], edges[0], SIZE))
    assert isinstance(outcome, NoGrid)
    assert outcome.why


def test_tokens_that_see_nothing_are_refused() -> None:
    still = np.zeros((4, 12))
    edges = np.linspace(0, 12, 13)
    assert fit(Movements(still, still, edges, edges, (12, 12))) == NoGrid(
        "no image token, or only one, depends on the picture"
    )


def test_what_a_centre_crop_cuts_away_is_seen_to_be_unseen() -> None:
    painted = Painted(240, 120)
    plain = np.asarray(painted.plain())[:, 61:177]

    def changes(image: object) -> bool:
        return not np.array_equal(np.asarray(image)[:, 61:177], plain)

    assert seen_part(painted, 1, changes) == (61, 177)
    assert seen_part(painted, 0, changes) == (0, 120)


def test_strips_of_a_narrow_picture_are_as_many_as_its_pixels() -> None:
    assert strips(3, 8) == [(3, 4), (4, 5), (5, 6), (6, 7), (7, 8)]
    assert len(strips(0, 1000)) == 12
