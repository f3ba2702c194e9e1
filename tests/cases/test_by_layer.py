"""A known cause layer by layer: what is measured of a scene, and what is told of the layers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.answer import Answer, Decoding, Question, TokenKind
from core.cases.known_cause import by_layer as layers
from core.cases.known_cause.by_layer import by_layer, by_layer_table, layer_maps, measure_layers, run_by_layer
from core.cases.known_cause.figures import read_line
from core.cases.known_cause.scenes import door_scenes
from core.cases.known_cause.sides import PLACES, WHO
from core.errors import OtherModel
from core.explainers.logprob_increase import LogprobIncrease, LogprobIncreaseSettings
from core.explainers.run import explain
from core.masking import patch_coverage
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

NAMES = {"looks": "twin", "habit": "street"}


def record(case: str, method: str, looks: float, habit: float) -> dict[str, Any]:
    def told(share: float) -> dict[str, Any]:
        return {"word": {"share": share, "mass": share}, "contrast": None}

    shares = {"looks": looks, "habit": habit}
    return {"case": case, "method": method, "masses": {w: {p: told(shares[w]) for p in PLACES} for w in WHO}}


def test_each_layers_maps_are_its_own_rows_and_add_up_to_those_of_all_heads(llava: TransformersModel) -> None:
    scene = next(door_scenes(1))
    question = Question(scene.doors["truck"].question, (scene.image,), decoding=Decoding(max_new_tokens=2))
    answer: Answer = ask(llava, question)
    maps = layer_maps(llava, answer)
    rows = llava.attention_rows(answer, [len(answer.prompt_tokens) - 1])[:, :, 0].mean(1).numpy()
    for layer, one in enumerate(maps["attention"]):
        np.testing.assert_allclose(one.scores.numpy()[: rows.shape[1]], rows[layer], atol=1e-6)
    heads = LogprobIncreaseSettings(heads=llava.card.layers * llava.card.heads)
    (every,) = explain(LogprobIncrease(), llava, answer, [layers.WORD], heads)
    total = sum(one.scores.numpy() for one in maps["increase"])
    np.testing.assert_allclose(total, every.scores.numpy(), atol=1e-5)


def test_a_scene_has_a_line_for_each_measure_and_layer_and_the_door_is_held_against_it(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "problem_of", lambda said, scene: None)
    models: Any = {"looks": llava, "habit": llava}
    scene = next(door_scenes(1))
    *lines, done = measure_layers(models, scene, None)
    assert done == {"case": scene.id, "method": None, "problem": None}
    assert [line["method"] for line in lines] == [
        f"{measure} {layer}" for measure in ("attention", "increase") for layer in range(llava.card.layers)
    ]
    question = Question(scene.doors["house"].question, (scene.image,), decoding=Decoding(max_new_tokens=24))
    answer = ask(llava, question)
    positions = list(answer.layout.positions(TokenKind.IMAGE))
    covered = patch_coverage(scene.doors["house"].pixels, answer.layout)
    on = np.array([covered[position] > 0.05 for position in positions])
    rows = llava.attention_rows(answer, [len(answer.prompt_tokens) - 1])[1, :, 0].mean(0).numpy()[positions]
    share = lines[1]["masses"]["looks"]["house"]["word"]["share"]
    assert share == pytest.approx(rows[on].sum() / rows.sum(), rel=1e-4)


def test_layers_are_told_apart_by_done_scenes_alone() -> None:
    lines = [record(f"doors {n}", f"{m} {layer}", 0.5 + 0.01 * n, 0.2 + 0.3 * layer) for n in range(6)
             for m in ("attention", "increase") for layer in range(2)]  # fmt: skip
    done = [{"case": f"doors {n}", "method": None, "problem": None} for n in range(5)]
    told = by_layer({"looks": "t", "habit": "m"}, NAMES, [read_line(one) for one in (*lines, *done)], 2)
    assert (told.scenes, told.used) == (5, 5) and [row.layer for row in told.layers] == [0, 1]
    first, second = told.layers
    assert first.attention.auroc.value == 1.0 and second.increase.auroc.value > 0.5
    assert first.attention.looks.value == pytest.approx(0.52) and first.attention.looks.count == 5
    header, _, *rows = by_layer_table(told).split("\n\n")[0].splitlines()
    assert len(rows) == 2 and "AUROC of increase" in header and all(r.count("|") == header.count("|") for r in rows)


def test_it_goes_on_and_two_models_of_one_depth_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def model(name: str, depth: int = 1) -> Any:
        return SimpleNamespace(card=SimpleNamespace(fingerprint=name, name=name, layers=depth))

    asked: list[str] = []

    def made_up(models: Any, scene: Any, cancel: Any) -> list[dict[str, Any]]:
        asked.append(scene.id)
        return [
            *(record(scene.id, f"{measure} 0", 0.5, 0.2) for measure in ("attention", "increase")),
            {"case": scene.id, "method": None, "problem": None},
        ]

    monkeypatch.setattr(layers, "measure_layers", made_up)
    monkeypatch.setattr(layers, "door_scenes", lambda number: [SimpleNamespace(id=f"doors {n}") for n in range(number)])
    file = tmp_path / "layers.jsonl"
    run_by_layer(model("twin"), model("street"), file, 1)
    told = run_by_layer(model("twin"), model("street"), file, 3)
    assert asked == ["doors 0", "doors 1", "doors 2"] and told.used == 3 and len(told.layers) == 1
    for other in (model("twin"), model("street", 2)):
        with pytest.raises(OtherModel, match="two different models"):
            run_by_layer(cast(Any, model("twin")), other, tmp_path / "x.jsonl", 1)
