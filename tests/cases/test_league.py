"""The league on the embedded model: lines, resuming, refusing, and who is recommended."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core.cases import league as leagues
from core.cases import ranking as rules
from core.cases import score_case as contests
from core.cases.journal import Journal, Record, read_journal
from core.cases.league import run_league
from core.cases.league_table import table as markdown
from core.cases.ranking import QUICK, League, ranking
from core.cases.score_case import CENTRE, RANDOM
from core.errors import OtherRun
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.vlm.cancel import CancelToken
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel

METHODS = ("raw_attention", "suffix_relevancy")
FAMILIES = ("object colour", "truck door")


@pytest.fixture(scope="module")
def street() -> VisionLanguageModel:
    return load_model(EMBEDDED)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the known cause says is a matter of its own."""
    monkeypatch.setattr(rules, "passed", {"integrated_gradients": True, "relevancy": True, "rollout": False}.get)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few variants a case, and no shuffled weights."""
    settings = EvidenceSettings(fill="black", steps=2, draws=1, deciding=0)
    monkeypatch.setattr(contests, "SETTINGS", settings)
    monkeypatch.setattr(leagues, "SETTINGS", settings)
    monkeypatch.setattr(leagues, "SHUFFLED", 0)


def run(
    model: VisionLanguageModel, file: Path, methods: Sequence[str] = METHODS, families: Sequence[str] = FAMILIES[:1]
) -> League:
    return run_league(model, file, 1, methods, families)


def lines(file: Path) -> list[Record]:
    return [json.loads(line) for line in file.read_text().splitlines()[1:]]


def test_every_method_and_control_has_a_line_for_a_right_answer_and_a_wrong_one_is_counted(
    street: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contests, "recording_cost", lambda *_: 1000.0)
    league = run(street, tmp_path / "league.jsonl", families=FAMILIES)
    color, door = ([line for line in lines(tmp_path / "league.jsonl") if line["family"] == name] for name in FAMILIES)
    assert [line["method"] for line in color] == [CENTRE, RANDOM, *METHODS]
    # The first truck's door is open and the wording says closed: the habit answers.
    assert [line["method"] for line in door] == [None]
    assert league.asked == {"object colour": 1, "truck door": 1}
    assert league.right == {"object colour": 1, "truck door": 0}
    figures = color[0]["figures"]
    assert {"deletion", "insertion", "comprehensiveness", "sufficiency", "pointing", "energy", "soft_iou"} == set(
        figures
    )
    assert {line["method"]: line["processor"] > 100 for line in color[2:]} == {
        key: explainers()[key].recorded for key in METHODS
    }


def test_a_run_goes_on_after_a_torn_line_without_repeating_a_finished_one(
    street: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "league.jsonl"
    run(street, file)
    kept = file.read_text().splitlines(keepends=True)
    # Killed while the second method's line was written.
    file.write_text("".join(kept[:4]) + kept[4][:50])
    asked: list[Sequence[str]] = []
    original = leagues.score_case
    monkeypatch.setattr(
        leagues,
        "score_case",
        lambda model, case, methods, *more: asked.append(methods) or original(model, case, methods, *more),
    )
    league = run(street, file)
    assert asked == [("suffix_relevancy",)]
    assert [line["method"] for line in lines(file)] == [CENTRE, RANDOM, *METHODS]
    assert {row.method for row in league.ranking} == {*METHODS, CENTRE, RANDOM}
    asked.clear()
    run(street, file)
    assert asked == []


def test_a_method_added_later_is_filled_in(street: VisionLanguageModel, tmp_path: Path) -> None:
    file = tmp_path / "league.jsonl"
    run(street, file, METHODS[:1])
    run(street, file, METHODS)
    assert [line["method"] for line in lines(file)] == [CENTRE, RANDOM, *METHODS]


@pytest.mark.parametrize(
    "other", [{"model": "another"}, {"settings": {"fill": "blur", "steps": 2, "draws": 1, "seed": 0}}]
)
def test_a_file_of_another_model_or_other_settings_is_not_mixed(
    street: VisionLanguageModel, tmp_path: Path, other: Record
) -> None:
    file = tmp_path / "league.jsonl"
    own = {"model": street.card.fingerprint, "settings": asdict(leagues.SETTINGS)}
    Journal(file, leagues.KIND, own | other, {}).close()
    with pytest.raises(OtherRun):
        run(street, file)


def test_a_stop_leaves_whole_cases(street: VisionLanguageModel, tmp_path: Path) -> None:
    token = CancelToken()

    def stop(done: float) -> None:
        token.cancel()

    file = tmp_path / "league.jsonl"
    league = run_league(street, file, 2, METHODS, FAMILIES[:1], progress=stop, cancel=token)
    assert league.asked == {"object colour": 1}
    assert len(lines(file)) == 4
    assert ranking(*read_journal(file, leagues.KIND)).record("") == league.record("")


def test_shuffled_weights_are_looked_at_in_the_first_cases(
    street: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leagues, "SHUFFLED", 1)
    file = tmp_path / "league.jsonl"
    league = run_league(street, file, 2, METHODS[:1], FAMILIES[:1])
    first, second = (line for line in lines(file) if line["method"] == METHODS[0])
    assert len(first["stages"]) == contests.STAGES
    assert second["stages"] is None
    assert league.ranking[0].shuffled.count == 1


def test_an_unknown_method_or_family_is_refused_in_a_sentence(street: VisionLanguageModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no explainer 'guessing'"):
        run_league(street, tmp_path / "league.jsonl", 1, ["guessing"])
    with pytest.raises(ValueError, match="no family 'dragons'"):
        run_league(street, tmp_path / "league.jsonl", 1, METHODS, ["dragons"])


def record(case: int, method: str, deletion: float, insertion: float, pointing: float, processor: float) -> Record:
    figures = {"deletion": deletion, "insertion": insertion, "pointing": pointing, "energy": pointing}
    return {
        "case": f"count {case}",
        "family": "count",
        "method": method,
        "figures": {key: {"value": value} for key, value in figures.items()},
        "processor": processor,
        "seconds": processor,
        "bytes": 10,
    }


def table(slow: float, cases: int = 4) -> League:
    records = []
    for case in range(cases):
        records += [
            record(case, "rollout", 0.5, 0.5, 0.0, 0.1),
            record(case, "relevancy", 0.3, 0.6, 0.5, 0.2),
            record(case, "integrated_gradients", 0.2, 0.8, 0.4, slow),
            {**record(case, RANDOM, 0.6, 0.4, 0.1 * case, 0.0), "processor": None},
        ]
    return ranking({"model": "m", "settings": {}, "about": {"model_name": "street"}}, records)


def test_ranks_count_the_better_methods_in_the_direction_of_each_metric() -> None:
    ranks = {row.method: row.ranks for row in table(1.0).ranking if not row.control}
    assert [ranks[m]["deletion"] for m in ("integrated_gradients", "relevancy", "rollout")] == [1, 2, 3]
    assert [ranks[m]["insertion"] for m in ("integrated_gradients", "relevancy", "rollout")] == [1, 2, 3]
    assert [ranks[m]["pointing"] for m in ("relevancy", "integrated_gradients", "rollout")] == [1, 2, 3]


def test_the_best_quick_method_is_recommended() -> None:
    assert table(QUICK / 2).recommended == "integrated_gradients"
    assert table(QUICK * 2).recommended == "relevancy"
    assert table(QUICK * 2).leader == "integrated_gradients"
    assert ranking({}, []).leader is None
    assert ranking({}, []).recommended is None


def test_with_the_recommended_method_stand_those_that_cannot_be_told_from_it() -> None:
    few, many = table(QUICK / 2), table(QUICK / 2, 12)
    assert few.recommended == "integrated_gradients" and "Attention rollout" in few.not_told_apart
    assert many.not_told_apart.endswith(": none.")
    earlier = replace(many, ranking=tuple(replace(row, alike=None) for row in many.ranking))
    assert earlier.not_told_apart == "" and ranking({}, []).not_told_apart == ""


def test_a_method_that_fails_the_known_cause_is_recommended_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "passed", {"integrated_gradients": False, "relevancy": True}.get)
    told = table(QUICK / 2)
    assert (told.recommended, told.leader) == ("relevancy", "relevancy")
    assert [row.method for row in told.ranking][:2] == ["integrated_gradients", "relevancy"], "its ranks stay"
    monkeypatch.setattr(rules, "passed", lambda method: False)
    assert (rules.judged(told).recommended, rules.judged(told).leader) == (None, None)
    monkeypatch.setattr(rules, "passed", lambda method: None)
    assert rules.judged(told).recommended == "integrated_gradients", "what was not measured has not failed"


def test_figures_stand_beside_chance_in_the_same_cases() -> None:
    row = next(row for row in table(1.0).ranking if row.method == "relevancy")
    assert row.figures["deletion"].value == pytest.approx(0.3)
    assert row.over_random["deletion"].value == pytest.approx(-0.3)
    assert row.over_random["pointing"].value == pytest.approx(0.5 - 0.15)
    assert row.over_random["pointing"].low < row.over_random["pointing"].value < row.over_random["pointing"].high
    assert math.isnan(row.figures["soft_iou"].value)


def test_each_family_has_its_own_means() -> None:
    lines = [
        {**record(case, "rollout", 0.1 * case, 0.5, 0.0, 0.1), "family": "count" if case < 2 else "position"}
        for case in range(4)
    ]
    (row,) = ranking({}, lines).ranking
    assert {family: figures["deletion"] for family, figures in row.by_family.items()} == pytest.approx(
        {"count": 0.05, "position": 0.25}
    )


def test_the_record_is_json_with_the_command_and_the_rule() -> None:
    text = json.dumps(table(1.0).record("python -m core league"), allow_nan=False)
    told = json.loads(text)
    assert told["command"] == "python -m core league"
    assert "mean rank" in told["rule"]
    assert told["ranking"][0]["figures"]["deletion"]["count"] == 4


def test_the_table_has_a_row_for_every_method_and_marks_the_recommended_one() -> None:
    header, rule, *rows = markdown(table(QUICK / 2)).splitlines()
    assert header.count("|") == rule.count("|") == rows[0].count("|")
    assert rows[0].startswith("| **Integrated gradients (16 steps)** | 1.3 | 0.20 (0.20 to 0.20) | 0.80")
    assert [row.split("|")[1].strip() for row in rows[1:]] == [
        "Relevancy",
        "Attention rollout",
        "Control: random",
    ]
    assert "deletion ↓" in header and "insertion ↑" in header


def test_a_league_takes_as_much_longer_as_it_has_cases(llava: VisionLanguageModel) -> None:
    few, many = (leagues.expected(llava, number, ["rollout", "relevancy"], ["house door"]) for number in (10, 100))
    assert (few.things, many.things, many.one) == (10, 100, "case")
    assert few.seconds and many.seconds and 5 * few.seconds < many.seconds < 30 * few.seconds
