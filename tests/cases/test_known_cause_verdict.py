"""Who passes a known cause, what is said of it, and where: the file that comes along, columns, cards, caveats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core.cases.further.known_cause import KnownCauseColumns
from core.cases.further.registry import columns_of, further_columns
from core.cases.known_cause import summary
from core.cases.known_cause.figures import CauseRow, KnownCause, Told
from core.cases.known_cause.sides import PLACES, WHO
from core.cases.known_cause.summary import caveat_of, passed, read_known_cause, told_of
from core.cases.known_cause.verdict import LEAST, passed_by, verdict_sentence
from core.cases.plain import write_plain
from core.errors import JournalError
from core.explainers.registry import explainers
from core.statistics.estimate import Estimate

SCENES = 60


def estimate(value: float, spread: float = 0.05) -> Estimate:
    return Estimate(value, value - spread, value + spread, SCENES)


def row(method: str, beyond: float, auroc: float, scenes: int = SCENES) -> CauseRow:
    door = estimate(0.5)
    told = Told(door, door, door, door, estimate(beyond), estimate(auroc), estimate(auroc))
    return CauseRow(method, f"The {method}", scenes, 0, told, None)


def known(*rows: CauseRow) -> KnownCause:
    effects = {who: {place: Estimate(2.0, 1.5, 2.5, SCENES, "nats") for place in PLACES} for who in WHO}
    prints, names = {"looks": "t", "habit": "m"}, {"looks": "twin", "habit": "street"}
    return KnownCause(prints, names, SCENES, SCENES, effects, effects, rows)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A known cause in the place of the one that comes along."""
    file = tmp_path / "known-cause.json"
    monkeypatch.setattr(summary, "COMMITTED", file)
    found = known(row("relevancy", 0.2, 0.8), row("raw_attention", -0.02, 0.23), row("rollout", 0.2, 0.8, LEAST - 1))
    write_plain({"command": "sightline known-cause", **asdict(found)}, file)
    summary._rows.cache_clear()
    yield file
    summary._rows.cache_clear()


@pytest.mark.parametrize(
    ("beyond", "auroc", "scenes", "passes"),
    [
        (0.06, 0.56, SCENES, True),
        (0.05, 0.56, SCENES, False),
        (0.06, 0.55, SCENES, False),
        (0.2, 0.8, LEAST, True),
        (0.2, 0.8, LEAST - 1, False),
        (float("nan"), 0.8, SCENES, False),
    ],
)
def test_of_the_word_or_of_a_contrast_both_intervals_must_lie_above_what_says_nothing(
    beyond: float, auroc: float, scenes: int, passes: bool
) -> None:
    assert (passed_by(row("x", beyond, auroc, scenes)) == "word") == passes
    against = replace(row("x", 0.0, 0.5, scenes), contrast=row("x", beyond, auroc).word)
    assert passed_by(against) == ("contrast" if passes else None)


def test_the_figure_that_decided_is_told() -> None:
    assert "tells a model that looks from one that does not: AUROC 0.80 (0.75 to 0.85)." in verdict_sentence(
        row("x", 0.2, 0.8)
    )
    missed = verdict_sentence(row("x", 0.2, 0.52))
    assert "cannot tell" in missed and "AUROC 0.52 (0.47 to 0.57), 0.5 is chance." in missed
    assert "more there in the one that does not look" in verdict_sentence(row("x", 0.2, 0.23))
    rather = verdict_sentence(replace(row("x", 0.2, 0.52), contrast=row("x", 0.2, 0.8).word))
    assert "rather than its opposite: AUROC 0.80 (0.75 to 0.85). By maps of the word alone it cannot: 0.52." in rather
    assert "+0.01 (-0.04 to +0.06) beyond that on a control" in verdict_sentence(row("x", 0.01, 0.8))


def test_what_is_kept_is_read_again_and_decides_where_there_are_enough_scenes(kept: Path) -> None:
    file = read_known_cause(kept)
    assert file.command == "sightline known-cause" and len(file.known_cause.ranking) == 3
    assert (passed("relevancy"), passed("raw_attention"), passed("rollout"), passed("guess")) == (
        True,
        False,
        None,
        None,
    )
    method = explainers()["raw_attention"]
    assert caveat_of(method) == f"{method.caveat} {told_of('raw_attention')}" and "0.23" in caveat_of(method)
    assert caveat_of(explainers()["rollout"]) == explainers()["rollout"].caveat


def test_without_the_file_nothing_has_passed(kept: Path) -> None:
    kept.unlink()
    assert passed("relevancy") is None and told_of("relevancy") is None
    with pytest.raises(JournalError, match="Run `sightline known-cause` first"):
        KnownCauseColumns().read()


@pytest.mark.parametrize("part", ["models", "effects", "contrasts", "ranking", "command"])
def test_a_file_that_lacks_a_part_says_which(kept: Path, part: str) -> None:
    values = json.loads(kept.read_text())
    if part in ("ranking", "command"):
        del values[part]
    else:
        del values[part]["habit"]
    kept.write_text(json.dumps(values))
    with pytest.raises(JournalError, match=rf"known-cause\.json holds no known cause \({part}.*is missing\)"):
        read_known_cause(kept)


def test_its_columns_stand_in_leagues_of_both_models_and_of_no_other(kept: Path) -> None:
    (beyond, auroc, *_) = columns_of("m")
    assert beyond.figures["raw_attention"].value == -0.02 and auroc.figures["relevancy"].value == 0.8
    assert len(columns_of("t")) == len(columns_of("m")) and columns_of("another") == []
    told = KnownCauseColumns().read().told
    assert "twin looks at both" in told and "2.00 nats (1.50 to 2.50)" in told and "60 of 60 held-out" in told


def test_a_method_without_a_contrast_has_no_figure_of_one(kept: Path) -> None:
    contrast = next(column for column in columns_of("m") if column.key == "known_cause_contrast")
    assert contrast.figures == {}


def test_what_comes_along_is_of_methods_that_are_there() -> None:
    assert set(further_columns()) >= {"known_cause"}
    ranking = read_known_cause().known_cause.ranking
    assert {one.method for one in ranking} <= set(explainers())
    assert [one.method for one in ranking] == [
        one.method for one in sorted(ranking, key=lambda one: -one.word.beyond.value)
    ]
