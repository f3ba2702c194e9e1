"""The two controls: chance that can be drawn again, and the middle of the picture."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image

from core.answer import Target
from core.explainers.controls import CentreBias, CentreBiasSettings, Random, RandomSettings
from core.explainers.run import explain
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled


def test_the_same_seed_draws_the_same_scores_whatever_else_is_asked(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    alone = explain(Random(), model, answer, [Target((3,))])[0].scores
    together = explain(Random(), model, answer, [Target((0,)), Target((3,)), Target((3,), (40,))])
    assert torch.equal(alone, together[1].scores)
    assert not torch.equal(alone, together[0].scores) and not torch.equal(alone, together[2].scores)
    assert not torch.equal(alone, explain(Random(), model, answer, [Target((3,))], RandomSettings(seed=1))[0].scores)


def test_random_scores_are_uniform_over_what_stands_before(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    prompt = len(answer.prompt_tokens)
    runs = (explain(Random(), model, answer, [Target((2,))], RandomSettings(seed=seed))[0] for seed in range(40))
    drawn = torch.cat([run.scores[:prompt] for run in runs])
    assert float(drawn.min()) >= 0 and float(drawn.max()) < 1
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(drawn.std()) == pytest.approx(math.sqrt(1 / 12), abs=0.02)


def test_the_centre_is_a_gaussian_around_the_middle_of_each_picture(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "Where is the dog?", picture, picture.resize((60, 90)))
    (explanation,) = explain(CentreBias(), model, answer, [Target((0,))], CentreBiasSettings(spread=0.3))
    expected = torch.zeros(len(answer.layout))
    for view in answer.layout.views:
        width, height = answer.layout.image_sizes[view.image]
        for index, position in enumerate(view.positions):
            left, top, right, bottom = view.patch_box(index)
            x, y = ((left + right) / 2 - width / 2) / width, ((top + bottom) / 2 - height / 2) / height
            expected[position] = math.exp(-(x * x + y * y) / 0.18)
    torch.testing.assert_close(explanation.scores, expected, atol=1e-6, rtol=1e-5)
