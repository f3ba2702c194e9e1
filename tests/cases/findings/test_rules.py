"""Verdicts follow from the rules that stand beside them: hand-made readings that keep or break one condition each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from core.cases.findings.absent_thing import ABSENT, PRESENT, AbsentThing
from core.cases.findings.finding import Finding, Reading
from core.cases.findings.patch_maps import ATTENTION, CENTRE, INCREASE, METRICS, RANDOM, PatchMaps
from core.cases.findings.paths import EDGES
from core.cases.findings.registry import findings
from core.cases.findings.report import reported
from core.cases.findings.shared_heads import SharedHeads
from core.cases.findings.true_ranking import COUNTS, INSTEAD, RANKINGS, TrueRanking
from core.cases.findings.true_ranking import INCREASE as OWN
from core.cases.findings.true_ranking import RANDOM as RANDOM_HEADS
from core.cases.findings.visual_words import VisualWords

CASES = 12


def jitter(number: int) -> float:
    """Readings that are not all alike, or intervals would have no width."""
    return 0.001 * (number % 5)


def falls(lowest: str, *, only: str | None = None) -> list[Reading]:
    """The word falls furthest without the heads of one ranking (with one replacement `only`)."""

    def change(how: str, name: str, number: int) -> list[float]:
        deep = name == lowest and only in (None, how)
        return [(-2.0 if deep else -1.0) - jitter(number)] * len(COUNTS)

    names = (*RANKINGS, RANDOM_HEADS)
    kept = {name: [1.0] * len(COUNTS) for name in names}
    return [
        {how: {"change": {name: change(how, name, n + len(name)) for name in names}, "kept": kept} for how in INSTEAD}
        for n in range(CASES)
    ]


@pytest.mark.parametrize(
    ("readings", "reproduces"),
    [(falls(OWN), True), (falls(RANDOM_HEADS), False), (falls(OWN, only="zero"), False)],
)
def test_a_ranking_is_true_where_its_heads_are_missed_more_than_random_ones(
    readings: list[Reading], reproduces: bool
) -> None:
    assert TrueRanking().conclude(readings).reproduces is reproduces


def maps(**own: float) -> list[Reading]:
    """Attention and the controls score 0.5 in everything; the increase something else in what is named."""
    names = (ATTENTION.name, RANDOM, CENTRE)
    even = {key: 0.5 for key in METRICS}
    return [
        {INCREASE.name: {key: value + jitter(n) for key, value in (even | own).items()}, **dict.fromkeys(names, even)}
        for n in range(CASES)
    ]


@pytest.mark.parametrize(
    ("readings", "reproduces"),
    [
        (maps(pointing=0.9, deletion=0.2), True),
        (maps(pointing=0.9, deletion=0.8), False),
        (maps(pointing=0.1, deletion=0.2), False),
    ],
)
def test_a_map_must_be_better_in_both_ways(readings: list[Reading], reproduces: bool) -> None:
    assert PatchMaps().conclude(readings).reproduces is reproduces


def words(**kinds: float) -> list[Reading]:
    """Right colours are read at 0.5 at layer 0 and kinds too, unless told otherwise; controls at 0.1."""

    def figures(right: float, n: int) -> Mapping[str, list[float]]:
        return {"here": [right + jitter(n), 0.9], "elsewhere": [0.1, 0.1], "others": [0.1, 0.1], "top10": [1.0, 1.0]}

    read = {"colour": 0.5, "kind": 0.5} | kinds
    return [{name: figures(value, n) for name, value in read.items()} | {"vocabulary": 100} for n in range(CASES)]


@pytest.mark.parametrize(
    ("readings", "reproduces"), [(words(), True), (words(kind=0.05), False), (words(colour=0.15), False)]
)
def test_words_are_read_where_they_stand_clearly_above_both_controls_at_layer_0(
    readings: list[Reading], reproduces: bool
) -> None:
    assert VisualWords().conclude(readings).reproduces is reproduces


def absent(**changed: Any) -> list[Reading]:
    """A colour that is one of two in the picture, on whose things the map lies and without which it falls."""
    way = {"dependence": 3.0, "all": {edge: [-1.0] for edge in EDGES}, "windows": {edge: [-0.5, 0.0] for edge in EDGES}}
    found = []
    for n in range(CASES):
        said, other = ("red", "blue") if n % 2 else ("green", "black")
        reading = {
            "said": said,
            "here": [said, other],
            "map": {"tested": 0.8 + jitter(n), "random": 0.4},
            "hidden": {"own": -3.0 - jitter(n), "others": 0.0},
            ABSENT: way,
            PRESENT: None if n == 0 else way,
        }
        found.append(reading | changed)
    return found


@pytest.mark.parametrize(
    ("readings", "reproduces"),
    [
        (absent(), True),
        (absent(here=["red", "green"]), False),
        (absent(map={"tested": 0.3, "random": 0.4}), False),
        (absent(hidden={"own": -1.0, "others": -1.0}), False),
        (absent(said=None, map=None, hidden=None), False),
    ],
)
def test_a_hallucination_is_taken_from_the_picture_where_all_three_say_so(
    readings: list[Reading], reproduces: bool
) -> None:
    assert AbsentThing().conclude(readings).reproduces is reproduces


def test_shared_heads_are_told_beside_those_of_another_question() -> None:
    rng = np.random.default_rng(0)
    heads = rng.normal(size=(6, 6))
    readings = [{name: (heads + jitter(n)).tolist() for name in ("picture", "text", "place")} for n in range(CASES)]
    found = SharedHeads().conclude(readings)
    assert found.reproduces
    assert "no more than" in found.because and set(map(len, found.heads.values())) == {6}


@pytest.mark.parametrize("finding", findings().values(), ids=findings())
def test_every_finding_says_what_it_claims_and_how_it_judges(finding: Finding[Any]) -> None:
    told = (finding.claim, finding.paper, finding.measured, finding.baseline, finding.rule, finding.caveat)
    assert all(told) and finding.rule.startswith("Reproduces where")


def test_few_readings_give_figures_and_no_verdict() -> None:
    lines = [{"reading": reading, "seconds": 1.0, "processor": 0.5} for reading in maps(pointing=0.9, deletion=0.2)[:3]]
    report = reported(PatchMaps(), [*lines, {"reading": None, "seconds": 1.0, "processor": 0.5}], None)
    assert (report.reproduces, report.asked, report.used, report.seconds) == (None, 4, 3, 4.0)
    assert report.figures and report.because.startswith("With 3 readings nobody can tell")
