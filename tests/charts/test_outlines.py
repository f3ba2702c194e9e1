"""Lines round the patches that have most."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.charts.outlines import border


@settings(max_examples=40, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_the_border_is_every_edge_between_inside_and_outside_once(inside: np.ndarray) -> None:
    rows, columns = inside.shape

    def at(row: int, column: int) -> bool:
        return 0 <= row < rows and 0 <= column < columns and bool(inside[row, column])

    cells = [(row, column) for row in range(rows + 1) for column in range(columns + 1)]
    expected = {("across", *cell) for cell in cells if at(cell[0] - 1, cell[1]) != at(*cell)}
    expected |= {("down", *cell) for cell in cells if at(cell[0], cell[1] - 1) != at(*cell)}
    drawn = []
    for x, y, x2, y2 in border(inside):
        assert (x == x2) != (y == y2)
        if y == y2:
            drawn += [("across", int(y), column) for column in range(int(x), int(x2))]
        else:
            drawn += [("down", row, int(x)) for row in range(int(y), int(y2))]
    assert len(drawn) == len(set(drawn)) and set(drawn) == expected
