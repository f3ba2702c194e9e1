"""How numbers are written."""

from __future__ import annotations

import pytest

from core.counted import counted
from core.quantities import file_size, nats, probability


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 patches"), (1, "1 patch"), (2, "2 patches"), (2916, "2,916 patches")]
)
def test_a_count_agrees_with_its_noun(number: int, said: str) -> None:
    assert counted(number, "patch", "patches") == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0.00%"), (1e-9, "<0.01%"), (0.98214, "98.21%"), (0.999999, ">99.99%"), (1.0, "100.00%")],
)
def test_a_probability_never_says_all_or_none_where_that_is_not_so(share: float, said: str) -> None:
    assert probability(share) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(-0.0182, "-0.018 nats"), (-1.1e-5, "-1e-05 nats"), (0.0, "0.000 nats"), (3.91339, "3.913 nats")],
)
def test_nats_have_their_unit_and_no_sign_before_nothing(value: float, said: str) -> None:
    assert nats(value) == said


def test_a_small_file_is_not_said_to_be_empty() -> None:
    assert [file_size(count) for count in (507_000, 2_100_000, 14_100_000_000)] == ["507 kB", "2.1 MB", "14.1 GB"]
