"""How a league was measured stands with its figures, whichever version computed them."""

from __future__ import annotations

from core.cases.league_file import read_league_file
from core.cases.measured import CENTRE, measured
from core.evidence.ranking import shares_of, tops


def test_points_are_those_of_curves_over_many_patches() -> None:
    assert shares_of(2) == (0, 0.05, 0.1, 0.2, 0.5, 1)
    for steps in (2, 4, 7, 10, 20):
        assert len(shares_of(steps)) == len(tops(10_000, steps))


def test_rules_of_earlier_versions_are_told_and_not_taken_for_those_of_now() -> None:
    now = measured({"steps": 20, "pointing": CENTRE})
    assert "areas over 21 points." in now and "whose centre lies on the thing" in now and "5 %" not in now
    former = measured({"steps": 2})
    assert "areas over 6 points (0, 5, 10, 20, 50, 100 %)" in former and "more than 5 % of its pixels" in former
    assert "more than 5 %" in measured({"steps": 20})


def test_the_committed_league_tells_what_its_settings_say() -> None:
    settings = read_league_file().league.settings
    assert ("areas over 6 points" in measured(settings)) == (settings["steps"] == 2)
