"""The model that knows hidden patches: what it is shown, and that it trains from the embedded model's weights."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from core.street.__main__ import ASSETS
from core.street.batches import JointBatches, pixels
from core.street.draw import draw
from core.street.hiding import FILLS, WHOLE, HiddenBatches, HidingRecipe, HidingTraining, hidden
from core.street.scene import sample

PICTURE = torch.from_numpy(pixels(np.asarray(draw(sample(5)).image)))


def test_whole_patches_are_hidden_any_share_of_them_and_some_pictures_stay_whole() -> None:
    rng = random.Random(0)
    shares, whole = [], 0
    for _ in range(200):
        changed = (hidden(PICTURE, rng) != PICTURE).any(0).numpy().reshape(12, 14, 12, 14)
        patches = changed.mean(axis=(1, 3))
        whole += not patches.any()
        if patches.any():
            shares.append((patches > 0).mean())
    assert abs(whole / 200 - WHOLE) < 0.1
    assert min(shares) < 0.1 and max(shares) > 0.9 and abs(np.mean(shares) - 0.5) < 0.1


@pytest.mark.parametrize("fill", FILLS)
def test_what_is_hidden_is_as_tests_hide_it(fill: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    monkeypatch.setattr(rng, "random", lambda: 1.0)
    monkeypatch.setattr(rng, "choice", lambda fills: fill)
    monkeypatch.setattr(rng, "randint", lambda low, high: high)
    shown = hidden(PICTURE, rng)
    assert (shown == -1).all() if fill == "black" else 0 < shown.std() < 0.7 * PICTURE.std()


def test_a_batch_is_a_function_of_its_number_and_hides_pixels_alone(tmp_path: Path) -> None:
    training = HidingTraining(HidingRecipe(batch=4), ASSETS, tmp_path, say=lambda _: None, scenes=1)
    batches = training.batches()
    assert isinstance(batches, HiddenBatches)
    own = JointBatches(3, 4, training.encoder, late=0, text_share=0.12, facts=(4, 2, 4))[7]
    one, again = batches[7], batches[7]
    assert torch.equal(one["pixels"], again["pixels"]) and not torch.equal(one["pixels"], own["pixels"])
    assert all(torch.equal(one[key], own[key]) for key in own if key != "pixels")
    assert training.stage().name == "hiding"
