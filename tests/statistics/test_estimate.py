"""One type for a figure with its interval."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from core.cases.plain import plain
from core.statistics.estimate import Estimate, computed, nothing
from core.typed import typed


def test_an_estimate_is_above_another_where_their_intervals_lie_apart() -> None:
    low, near, high = Estimate(0.1, 0.0, 0.3, 9), Estimate(0.5, 0.2, 0.8, 9), Estimate(0.9, 0.7, 1.0, 9)
    assert high.above(low)
    assert not high.above(near) and not near.above(high)


def test_a_share_is_told_as_a_number_of_cases() -> None:
    assert Estimate(11 / 12, 0.6, 1.0, 12).words == "11 of 12"
    assert nothing().words == "0 of 0"


def test_it_comes_back_from_a_file_as_it_was() -> None:
    estimate = Estimate(0.5, 0.25, 0.75, 12, "nats")
    assert typed(Estimate, json.loads(json.dumps(plain(asdict(estimate))))) == estimate


def test_what_is_no_number_comes_back_as_none() -> None:
    again = typed(Estimate, json.loads(json.dumps(plain(asdict(computed(0.5, "area"))))))
    assert (again.value, again.count, again.unit) == (0.5, 0, "area")
    assert math.isnan(again.low) and math.isnan(again.high)
