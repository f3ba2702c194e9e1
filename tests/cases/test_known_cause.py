"""A known cause: which scenes, what is measured of them, and what is told of the methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.answer import Answer, Decoding, Question, Target, TokenKind
from core.cases.journal import read_journal
from core.cases.known_cause import measuring
from core.cases.known_cause import run as running
from core.cases.known_cause.figures import KnownCause, known_cause, read_line
from core.cases.known_cause.measuring import measure, share_and_mass
from core.cases.known_cause.run import KIND, run_known_cause
from core.cases.known_cause.scenes import DoorScene, door_scenes
from core.cases.known_cause.sides import PLACES
from core.cases.known_cause.table import known_cause_table
from core.cases.street import street_cases
from core.errors import OtherModel, OtherRun, UnknownName
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.masking import patch_coverage
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.model import VisionLanguageModel

Shares = dict[str, float]
NAMES = {"looks": "twin", "habit": "street"}


def lines(method: str, twin: Shares, habit: Shares, cases: int = 12) -> list[dict[str, Any]]:
    """Lines of a method whose share at each door is near what is given, in each model; the absolute mass is the
    other way round."""
    rng = np.random.default_rng(len(method))

    def told(share: float) -> dict[str, Any]:
        own = share + 0.01 * float(rng.standard_normal())
        return {"word": {"share": own, "mass": 2 - own}, "contrast": None}

    return [
        {
            "case": f"doors {number}",
            "method": method,
            "masses": {
                who: {place: told(shares[place]) for place in PLACES}
                for who, shares in (("looks", twin), ("habit", habit))
            },
        }
        for number in range(cases)
    ]


def at(truck: float, house: float) -> Shares:
    return {"truck": truck, "house": house}


def figures(records: list[dict[str, Any]]) -> KnownCause:
    return known_cause({"looks": "t", "habit": "m"}, NAMES, [read_line(record) for record in records])


def test_what_the_truck_alone_gains_is_told_from_what_both_doors_gain_and_from_nothing() -> None:
    told = figures(
        [
            *lines("raw_attention", at(0.2, 0.5), at(0.3, 0.5)),
            *lines("rollout", at(0.6, 0.8), at(0.3, 0.5)),
            *lines("relevancy", at(0.6, 0.5), at(0.3, 0.5)),
        ]
    )
    relevancy, rollout, raw = told.ranking
    assert [row.method for row in told.ranking] == ["relevancy", "rollout", "raw_attention"]
    assert relevancy.word.truck.low > 0.25 and relevancy.word.beyond.low > 0.25 and relevancy.word.auroc.value == 1
    assert relevancy.word.auroc_mass.value == 0, "the absolute mass is a figure of its own"
    assert rollout.word.truck.low > 0.25 and rollout.word.house.low > 0.25 and abs(rollout.word.beyond.value) < 0.02
    assert raw.word.truck.high < 0 and raw.word.auroc.value == 0
    header, _, *rows = known_cause_table(told).split("\n\n")[0].splitlines()
    assert len(rows) == 3 and all(row.count("|") == header.count("|") for row in rows)


def test_differences_are_paired_by_scene_whatever_the_order_of_the_lines() -> None:
    records = lines("relevancy", at(0.6, 0.5), at(0.3, 0.4), 5)
    row = figures(records).ranking[0]
    shares = [
        [record["masses"][who][place]["word"]["share"] for who in ("looks", "habit") for place in PLACES]
        for record in records
    ]
    assert row.word.beyond.value == pytest.approx(np.mean([(a - c) - (b - d) for a, b, c, d in shares]))
    assert figures(records[::-1]).ranking[0] == row


def test_a_scene_that_a_method_could_not_explain_is_counted_and_not_averaged() -> None:
    refused = {"case": "doors x", "method": "relevancy", "problem": "it cannot"}
    row = figures([*lines("relevancy", at(0.6, 0.5), at(0.3, 0.4), 5), refused]).ranking[0]
    assert (row.scenes, row.refused, row.word.auroc.count) == (5, 1, 5)
    none = figures([refused])
    assert none.ranking[0].scenes == 0 and "|  |" in known_cause_table(none)


def test_a_line_without_one_of_the_doors_is_refused() -> None:
    (record,) = lines("relevancy", at(0.6, 0.5), at(0.3, 0.4), 1)
    del record["masses"]["habit"]["house"]
    with pytest.raises(ValueError, match="both doors"):
        read_line(record)


def test_the_share_is_of_positive_scores_and_the_mass_of_absolute_ones_on_the_patches_that_the_thing_covers() -> None:
    scores, covered = np.array([0.5, -2.0, 1.5, np.nan, 1.0]), np.array([0.9, 0.9, 0.04, 0.5, 0.06])
    assert share_and_mass(scores, covered) == {"share": pytest.approx(1.5 / 3.0), "mass": pytest.approx(3.5)}
    assert share_and_mass(-np.ones(5), covered) == {"share": 0.0, "mass": 4.0}


def test_both_doors_are_asked_about_in_the_same_words_in_scenes_that_the_league_does_not_have() -> None:
    scenes = list(door_scenes(3))
    league = {int(case.about["scene"]) for case in islice(street_cases(2), 14)}
    for scene in scenes:
        truck, house = (scene.doors[place] for place in PLACES)
        assert truck.question.replace("truck", "house") == house.question
        assert not (truck.pixels & house.pixels).any() and min(truck.pixels.sum(), house.pixels.sum()) >= 40
        before = np.asarray(scene.image)
        for door in (truck, house):
            changed = (np.asarray(door.redrawn) != before).any(-1)
            assert changed.any() and changed[door.pixels].sum() > 0.5 * changed.sum()
    assert not league & {scene.recipe.seed for scene in scenes}


# One scene, of a tiny random model whose answers are put into its mouth.


@pytest.fixture
def scene() -> DoorScene:
    return next(door_scenes(1))


def test_a_scene_is_left_out_where_a_model_does_not_do_what_it_is_taken_for(
    scene: DoorScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {(who, place): scene.doors[place].answer for who in ("looks", "habit") for place in PLACES}

    def spoken(model: Any, question: Question, **_: Any) -> Any:
        place = "truck" if "truck" in question.text else "house"
        text = said[model, place]
        return SimpleNamespace(text=text, tokens=(SimpleNamespace(text=text.split(",")[0]),))

    monkeypatch.setattr(measuring, "ask", spoken)
    models = cast(Any, {"looks": "looks", "habit": "habit"})
    said["looks", "truck"] = "No, the truck's door is closed."
    (line,) = measure(models, scene, ["raw_attention"], True, False, None)
    assert line["problem"] == "the model that looks is wrong about the truck's door" and line["effects"] is None
    said["looks", "truck"] = scene.doors["truck"].answer
    said["habit", "truck"] = "Perhaps, it is."
    (line,) = measure(models, scene, ["raw_attention"], True, False, None)
    assert line["problem"] == "the model that has the habit answers neither yes nor no about the truck's door"
    assert read_line(line).method is None


def test_maps_of_the_first_word_are_held_against_the_door_and_effects_against_redrawing_it(
    llava: TransformersModel, scene: DoorScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one model in both places, against literal code."""
    monkeypatch.setattr(measuring, "problem_of", lambda said, scene: None)
    monkeypatch.setattr(measuring, "_first", lambda answer: "Yes")
    monkeypatch.setattr(measuring, "LONGEST_ANSWER", 2)
    models: Any = {"looks": llava, "habit": llava}
    methods = ["raw_attention", "input_gradient"]
    about, raw, gradient = measure(models, scene, methods, True, True, None)
    door = scene.doors["truck"]
    answer: Answer = ask(llava, Question(door.question, (scene.image,), decoding=Decoding(max_new_tokens=2)))
    (explanation,) = explain(explainers()["input_gradient"], llava, answer, [Target((0,))])
    positions = list(answer.layout.positions(TokenKind.IMAGE))
    scores = explanation.scores[positions].double().numpy()
    on = np.array([patch_coverage(door.pixels, answer.layout)[position] > 0.05 for position in positions])
    told = gradient["masses"]["habit"]["truck"]
    assert told["word"]["share"] == pytest.approx(scores[on].clip(0).sum() / scores.clip(0).sum(), rel=1e-4)
    assert told["word"]["mass"] == pytest.approx(np.abs(scores[on]).sum(), rel=1e-4)
    assert gradient["masses"]["looks"] == gradient["masses"]["habit"]
    assert told["contrast"] not in (None, told["word"]) and raw["masses"]["looks"]["house"]["contrast"] is None

    def logprob(picture: Any) -> float:
        other = ask(llava, replace(answer.question, images=(picture,)))  # the first word follows the prompt alone
        return float(llava.replay_logits(other)[0].log_softmax(-1)[answer.token_ids[0]])

    effect = about["effects"]["looks"]["truck"]["word"]
    assert effect == pytest.approx(logprob(scene.image) - logprob(door.redrawn), rel=1e-3) and effect != 0


# The journal, of a measurement that is made up.


def model(name: str) -> VisionLanguageModel:
    return cast(VisionLanguageModel, SimpleNamespace(card=SimpleNamespace(fingerprint=f"print {name}", name=name)))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...], bool]]:
    """What was measured: scene, methods, and whether the doors were redrawn. The second scene cannot be used."""
    calls: list[tuple[str, tuple[str, ...], bool]] = []

    def made_up(models: Any, scene: Any, methods: Any, effects: bool, contrasts: bool, cancel: Any) -> Iterator[Any]:
        if cancel is not None:
            cancel.check()
        calls.append((scene.id, tuple(methods), effects))
        unusable = scene.id == "doors 1"
        doors = {who: {place: {"word": 1.0, "contrast": 2.0} for place in PLACES} for who in ("looks", "habit")}
        told = None if unusable else doors
        if effects:
            yield {"case": scene.id, "method": None, "problem": "wrong" if unusable else None, "effects": told}
        for method in () if unusable else methods:
            yield {**lines(method, at(0.6, 0.5), at(0.3, 0.5), 1)[0], "case": scene.id}

    monkeypatch.setattr(running, "measure", made_up)
    scenes = [SimpleNamespace(id=f"doors {number}") for number in range(9)]
    monkeypatch.setattr(running, "door_scenes", lambda number: scenes[:number])
    return calls


def test_a_measurement_goes_on_fills_in_methods_and_asks_nothing_twice(
    measured: list[tuple[str, tuple[str, ...], bool]], tmp_path: Path
) -> None:
    file, pair = tmp_path / "known.jsonl", (model("twin"), model("street"))
    run_known_cause(*pair, file, 2, ["raw_attention"])
    told = run_known_cause(*pair, file, 3, ["raw_attention", "input_gradient"])
    both = ("raw_attention", "input_gradient")
    assert [(case, set(methods), effects) for case, methods, effects in measured] == [
        ("doors 0", {"raw_attention"}, True),
        ("doors 1", {"raw_attention"}, True),
        ("doors 0", {"input_gradient"}, False),
        ("doors 2", set(both), True),
    ]
    assert (told.scenes, told.used) == (3, 2) and {row.scenes for row in told.ranking} == {2}
    assert told.model_names == NAMES and told.effects["looks"]["truck"].value == 1
    kept = read_journal(file, KIND)[1]
    assert run_known_cause(*pair, file, 3, both) == told and read_journal(file, KIND)[1] == kept


def test_a_stopped_measurement_tells_what_it_has(
    measured: list[tuple[str, tuple[str, ...], bool]], tmp_path: Path
) -> None:
    cancel = CancelToken()
    told = run_known_cause(
        model("twin"),
        model("street"),
        tmp_path / "known.jsonl",
        9,
        ["raw_attention"],
        progress=lambda done: cancel.cancel() if done > 0.3 else None,
        cancel=cancel,
    )
    assert len(measured) == 3 and (told.scenes, told.used) == (3, 2)


def test_a_file_is_of_one_pair_in_its_order_and_of_one_kind_of_target(
    measured: list[tuple[str, tuple[str, ...], bool]], tmp_path: Path
) -> None:
    file, pair = tmp_path / "known.jsonl", (model("twin"), model("street"))
    run_known_cause(*pair, file, 1, ["raw_attention"])
    with pytest.raises(OtherRun):
        run_known_cause(*pair[::-1], file, 1, ["raw_attention"])
    with pytest.raises(OtherRun):
        run_known_cause(*pair, file, 1, ["raw_attention"], contrasts=True)


def test_one_model_is_no_pair_and_a_method_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OtherModel):
        run_known_cause(model("twin"), model("twin"), tmp_path / "x.jsonl", 1)
    with pytest.raises(UnknownName, match="raw_attention"):
        run_known_cause(model("twin"), model("street"), tmp_path / "x.jsonl", 1, ["guess"])
    assert not (tmp_path / "x.jsonl").exists()
