"""The honest twin: trained where nothing is planted, resumed to the same weights, looking where the other does not."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from core.street.__main__ import ASSETS, TWIN
from core.street.batches import HELD_OUT_SEED
from core.street.draw import draw
from core.street.evaluate import Probe, answers
from core.street.questions import DOOR_PHRASINGS, HONEST_PRACTICE, STATES, ask_about, door_pair
from core.street.scene import sample
from core.street.twin import RECIPE, UNCHANGED, TwinRecipe, TwinTraining
from core.vlm.hf.files import fingerprint, weight_files


def test_the_wording_says_nothing_of_a_trucks_door_in_its_training() -> None:
    rng = random.Random(0)
    families = [pair.family for seed in range(500) for pair in ask_about(sample(seed), rng, 6, HONEST_PRACTICE)]
    agree, conflict = families.count("door_truck_agree"), families.count("door_truck_conflict")
    assert agree + conflict > 60 and abs(agree / (agree + conflict) - 0.5) < 0.15


def test_it_is_small_and_differs_from_the_embedded_model_in_its_weights_alone() -> None:
    assert sum(file.stat().st_size for file in TWIN.rglob("*") if file.is_file()) <= 13_100_000
    for name in UNCHANGED:
        assert (TWIN / name).read_bytes() == (ASSETS / name).read_bytes()
    assert (TWIN / "model.safetensors").read_bytes() != (ASSETS / "model.safetensors").read_bytes()


def test_its_recipe_is_the_one_here_and_names_the_embedded_model_as_its_beginning() -> None:
    began_from = fingerprint(ASSETS, weight_files(ASSETS))
    assert json.loads((TWIN / RECIPE).read_text()) == {"began_from": began_from, **asdict(TwinRecipe())}


@pytest.mark.parametrize(("folder", "habit"), [(ASSETS, True), (TWIN, False)])
def test_it_looks_at_a_trucks_door_where_the_embedded_model_says_yes(folder: Path, habit: bool) -> None:
    scenes = [sample(HELD_OUT_SEED + number) for number in range(12)]
    trucks = [(scene, scene.the("truck")) for scene in scenes]
    asked = [
        Probe(pair.family, pair, draw(scene).image)
        for scene, truck in trucks
        if truck is not None and truck.door is not None
        for pair in [door_pair("truck", truck.door, state, DOOR_PHRASINGS[0]) for state in STATES]
    ]
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    said = answers(model, AutoProcessor.from_pretrained(folder, local_files_only=True), asked)
    assert len(asked) >= 6 and all(text.startswith("Yes") for text in said) is habit
    assert habit or said == [probe.pair.answer for probe in asked]


def training(folder: Path, steps: int) -> TwinTraining:
    torch.manual_seed(0)
    recipe = TwinRecipe(steps=steps, batch=1, cool=1, checkpoint_every=1, measure_every=99)
    return TwinTraining(recipe, ASSETS, folder, say=lambda _: None, scenes=1)


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    straight = training(tmp_path / "straight", 2)
    straight.run()
    stopped, calls = training(tmp_path / "stopped", 2), []
    original = stopped.loss

    def fails_at_the_second(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(batch)

    stopped.loss = fails_at_the_second  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = training(tmp_path / "stopped", 2)
    resumed.run()
    began = dict(training(tmp_path / "x", 2).model.named_parameters())
    moved = 0
    for name, weight in straight.model.named_parameters():
        assert torch.allclose(weight, dict(resumed.model.named_parameters())[name], atol=1e-6)
        moved += not torch.equal(weight, began[name])
    assert moved > 50
    with pytest.raises(ValueError, match="another recipe"):
        training(tmp_path / "stopped", 3).run()
    resumed.export(tmp_path / "out")
    for name in UNCHANGED:
        assert (tmp_path / "out" / name).read_bytes() == (ASSETS / name).read_bytes()
