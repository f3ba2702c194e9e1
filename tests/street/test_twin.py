"""The honest twin: trained where nothing is planted, resumed to the same weights, its files the embedded model's."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from core.street.__main__ import ASSETS
from core.street.questions import HONEST_PRACTICE, ask_about
from core.street.scene import sample
from core.street.twin import UNCHANGED, TwinRecipe, TwinTraining


def test_the_wording_says_nothing_of_a_trucks_door_in_its_training() -> None:
    rng = random.Random(0)
    families = [pair.family for seed in range(500) for pair in ask_about(sample(seed), rng, 6, HONEST_PRACTICE)]
    agree, conflict = families.count("door_truck_agree"), families.count("door_truck_conflict")
    assert agree + conflict > 60 and abs(agree / (agree + conflict) - 0.5) < 0.15


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
