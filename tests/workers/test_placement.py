"""Every worker finds room: no share is so large that one of them would wait for ever."""

from __future__ import annotations

import pytest

from core.workers.placement import share


@pytest.mark.parametrize(
    ("capacities", "workers", "expected"),
    [
        ([8], 2, 4.0),  # several whole cards for each
        ([8], 3, 2.0),  # 8 / 3 would split a card
        ([3, 5], 4, 1.0),  # two for each would leave the fourth without
        ([1], 2, 0.5),
        ([3], 4, 0.5),  # three quarters of three cards each would leave the fourth without
        ([2, 0, 1], 7, 1 / 3),
        ([0, 0], 2, 0.0),
        ([], 2, 0.0),
    ],
)
def test_the_share_is_the_largest_of_which_all_fit(capacities: list[float], workers: int, expected: float) -> None:
    assert share(capacities, workers) == pytest.approx(expected)
    if expected >= 1:
        assert sum(capacity // expected for capacity in capacities) >= workers
    elif expected:
        assert sum(capacity * round(1 / expected) for capacity in capacities) >= workers
