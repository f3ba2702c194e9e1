"""Verdicts follow from the rules that stand beside them: measurements made by hand keep or break one condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from core.claims.absent_thing import ABSENT, PRESENT, AbsentThing
from core.claims.claim import Claim
from core.claims.figures import Measurement
from core.claims.known_not_said import KnownNotSaid
from core.claims.measures.paths import EDGES
from core.claims.patch_maps import ATTENTION, CENTRE, INCREASE, METRICS, RANDOM, PatchMaps
from core.claims.picture_free_circuit import PictureFreeCircuit
from core.claims.report import reported
from core.claims.shared_heads import SharedHeads
from core.claims.text_over_image import TextOverImage
from core.claims.true_ranking import COUNTS, INSTEAD, RANKINGS, TrueRanking
from core.claims.true_ranking import INCREASE as OWN
from core.claims.true_ranking import RANDOM as RANDOM_HEADS
from core.claims.verdict import Verdict, weakest
from core.claims.visual_words import VisualWords

YES: Verdict = "reproduces"
NO: Verdict = "does not reproduce"
OPEN: Verdict = "undecided"
CASES = 12


def judged(claim: Claim[Any], measurements: list[Measurement]) -> Verdict:
    """By its rule alone."""
    return weakest(claim.conclude(measurements).conditions.values())


def jitter(number: int) -> float:
    """Figures that are not all alike, or intervals would have no width."""
    return 0.001 * (number % 5)


def falls(lowest: str, *, only: str | None = None) -> list[Measurement]:
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
    ("measurements", "verdict"),
    [(falls(OWN), YES), (falls(RANDOM_HEADS), NO), (falls(OWN, only="zero"), OPEN)],
)
def test_a_ranking_is_true_where_its_heads_are_missed_more_than_random_ones(
    measurements: list[Measurement], verdict: Verdict
) -> None:
    assert judged(TrueRanking(), measurements) == verdict


def probed(door: bool, place: bool, right: bool, cases: int = 60) -> list[Measurement]:
    """States that know the door, or not, at its image tokens and where the answer is predicted; answers that are all
    right, or right as often as not."""
    rng = np.random.default_rng(0)

    def state(knows: bool, is_open: bool) -> list[float]:
        return (rng.standard_normal(4) + (4.0 * is_open - 2.0) * knows).tolist()

    return [
        {
            "open": n % 2 == 0,
            "right": right or n % 4 < 2,
            "at_door": state(door, n % 2 == 0),
            "at_answer": state(place, n % 2 == 0),
        }
        for n in range(cases)
    ]


@pytest.mark.parametrize(
    ("measurements", "verdict"),
    [
        (probed(door=True, place=False, right=False), YES),
        (probed(door=True, place=True, right=True), NO),
        (probed(door=False, place=False, right=False), NO),
        (probed(door=True, place=False, right=False, cases=18), "undecided"),
    ],
)
def test_known_and_not_said_is_more_at_the_door_than_in_answers_and_where_they_are_made(
    measurements: list[Measurement], verdict: Verdict
) -> None:
    assert judged(KnownNotSaid(), measurements) == verdict


def doors(truck: bool, house: bool) -> list[Measurement]:
    """Whether the answers to the two wordings contradict each other, for each door alike in all pictures."""

    def wordings(contradict: bool) -> dict[str, Any]:
        told = dict.fromkeys(("affirm", "flipped_hidden", "flipped_repainted"), contradict)
        both = {"image_share": [0.5, 0.5], "change_hidden": [-1.0, -1.0], "heads": np.zeros((2, 3, 4)).tolist()}
        return {"contradict": contradict, **told, **both}

    return [{"truck": wordings(truck), "house": wordings(house)} for _ in range(CASES)]


@pytest.mark.parametrize(
    ("measurements", "verdict"),
    [(doors(True, False), YES), (doors(False, True), NO), (doors(True, True), NO)],
)
def test_the_wording_decides_where_the_truck_is_contradicted_and_the_house_is_not(
    measurements: list[Measurement], verdict: Verdict
) -> None:
    assert judged(TextOverImage(), measurements) == verdict


def maps(**own: float) -> list[Measurement]:
    """Attention and the controls score 0.5 in everything; the increase something else in what is named."""
    names = (ATTENTION.name, RANDOM, CENTRE)
    even = {key: 0.5 for key in METRICS}
    return [
        {INCREASE.name: {key: value + jitter(n) for key, value in (even | own).items()}, **dict.fromkeys(names, even)}
        for n in range(CASES)
    ]


@pytest.mark.parametrize(
    ("measurements", "verdict"),
    [
        (maps(pointing=0.9, deletion=0.2), YES),
        (maps(pointing=0.9, deletion=0.8), NO),
        (maps(pointing=0.1, deletion=0.2), NO),
    ],
)
def test_a_map_must_be_better_in_both_ways(measurements: list[Measurement], verdict: Verdict) -> None:
    assert judged(PatchMaps(), measurements) == verdict


def words(**kinds: float) -> list[Measurement]:
    """Right colours are read at 0.5 at layer 0 and kinds too, unless told otherwise; controls at 0.1."""

    def figures(right: float, n: int) -> Mapping[str, list[float]]:
        return {"here": [right + jitter(n), 0.9], "elsewhere": [0.1, 0.1], "others": [0.1, 0.1], "top10": [1.0, 1.0]}

    read = {"colour": 0.5, "kind": 0.5} | kinds
    return [{name: figures(value, n) for name, value in read.items()} | {"vocabulary": 100} for n in range(CASES)]


@pytest.mark.parametrize(
    ("measurements", "verdict"), [(words(), YES), (words(kind=0.05), NO), (words(colour=0.15), NO)]
)
def test_words_are_read_where_they_stand_clearly_above_both_controls_at_layer_0(
    measurements: list[Measurement], verdict: Verdict
) -> None:
    assert judged(VisualWords(), measurements) == verdict


def hidden(change: float) -> dict[str, Any]:
    return {"change": change, "flipped": change < -2}


def absent(**changed: Any) -> list[Measurement]:
    """A colour that is one of two in the picture, on whose things the map lies and without which it falls."""
    way = {"dependence": 3.0, "all": {edge: [-1.0] for edge in EDGES}, "windows": {edge: [-0.5, 0.0] for edge in EDGES}}
    measurements = []
    for n in range(CASES):
        said, other = ("red", "blue") if n % 2 else ("green", "black")
        values = {
            "said": said,
            "here": [said, other],
            "map": {"tested": 0.8 + jitter(n), "random": 0.4},
            "hidden": {"own": hidden(-3.0 - jitter(n)), "others": hidden(0.0)},
            "relevancy": {"own": 0.3, "area": 0.02},
            "denied": True,
            ABSENT: way,
            PRESENT: None if n == 0 else way,
        }
        measurements.append(values | changed)
    return measurements


@pytest.mark.parametrize(
    ("measurements", "verdict"),
    [
        (absent(), YES),
        (absent(here=["red", "green"]), NO),
        (absent(map={"tested": 0.3, "random": 0.4}), NO),
        (absent(hidden={"own": hidden(-1.0), "others": hidden(-1.0)}), NO),
        (absent(said=None, map=None, hidden=None), NO),
    ],
)
def test_a_hallucination_is_taken_from_the_picture_where_all_three_say_so(
    measurements: list[Measurement], verdict: Verdict
) -> None:
    assert judged(AbsentThing(), measurements) == verdict


def heads(*, places: float) -> list[Measurement]:
    """Heads raise colours seen and read alike; those that say places are another set the larger `places` is."""
    rng = np.random.default_rng(0)
    colours, other = rng.normal(size=(2, 6, 6))
    measurements = []
    for _ in range(CASES):
        tables = {"picture": colours, "text": colours, "place": (1 - places) * colours + places * other}
        measurements.append({name: (table + rng.normal(size=(6, 6)) / 50).tolist() for name, table in tables.items()})
    return measurements


def test_heads_that_colours_and_places_share_as_well_decide_nothing_about_colours() -> None:
    apart, alike = (SharedHeads().conclude(heads(places=places)) for places in (1.0, 0.0))
    assert weakest(apart.conditions.values()) == YES
    assert alike.conditions["more than random heads"] == YES
    assert alike.conditions["more than the heads for colours and for places"] != YES
    assert "no more than" in alike.because and set(map(len, alike.heads.values())) == {6}


def lines(measurements: list[Measurement | None]) -> list[dict[str, Any]]:
    return [{"values": values, "seconds": 1.0, "processor": 0.5} for values in measurements]


def test_few_scenes_give_figures_and_no_verdict() -> None:
    report = reported(PatchMaps(), lines([*maps(pointing=0.9, deletion=0.2)[:3], None]), 200)
    assert (report.verdict, report.asked, report.used, report.seconds, report.stopped) == (OPEN, 4, 3, 4.0, True)
    assert report.figures and report.because.startswith("3 scenes cannot decide it")


def test_conditions_that_do_not_hold_are_named() -> None:
    report = reported(PatchMaps(), lines([*maps(pointing=0.9, deletion=0.8)]), CASES)
    assert report.verdict == NO and not report.stopped
    assert report.because.endswith("Not met: deletion better than raw attention; deletion better than random order.")


def test_a_problem_on_the_way_is_told_before_what_was_measured() -> None:
    report = reported(PatchMaps(), lines([*maps(pointing=0.9, deletion=0.2)]), 200, "The model fell silent.")
    assert report.because.startswith("The model fell silent. Pointing game")


def doors(truck: float, house: float, spread: float = 0.001) -> list[Measurement]:
    """Shares of the effect that come over edges from the picture."""
    shares = {"truck": truck, "house": house}
    return [
        {
            place: {"from_picture": share + spread * (n % 5 - 2), "effect": 10.0, "edges": 100, "picture_edges": 2}
            for place, share in shares.items()
        }
        for n in range(CASES)
    ]


@pytest.mark.parametrize(
    ("measurements", "verdict"),
    [
        (doors(0.01, 0.9), YES),
        (doors(0.3, 0.9), NO),
        (doors(0.05, 0.02), NO),
        (doors(0.09, 0.9, 0.05), OPEN),
        (doors(0.01, 0.9)[:9], OPEN),
    ],
)
def test_a_circuit_is_free_of_the_picture_where_its_edges_carry_next_to_nothing(
    measurements: list[Measurement], verdict: Verdict
) -> None:
    assert judged(PictureFreeCircuit(), measurements) == verdict
