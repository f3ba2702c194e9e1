"""The patch map of log-probability increase: the sum over the heads that speak for the token."""

from __future__ import annotations

import torch
from PIL import Image

from core.answer import Target
from core.explainers.logprob_increase import LogprobIncrease, LogprobIncreaseSettings
from core.explainers.run import explain, token_targets_of
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled
from tests.mechanisms.written_out import WrittenOut

RIVAL = 40


def test_the_map_sums_what_the_heads_with_the_largest_increase_take(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=3)
    expected = WrittenOut(model.card.source, answer)
    targets = [Target((2,)), Target((0,)), Target((1,), (RIVAL,))]
    explanations = explain(LogprobIncrease(), model, answer, targets, LogprobIncreaseSettings(heads=3))
    for target, explanation in zip(targets, explanations, strict=True):
        (token_target,) = token_targets_of(answer, target)
        row = token_target.position(answer)
        by_head = {
            (layer, head): expected.increase(layer, part.head(row, head), row, token_target)
            for layer, part in enumerate(expected.layers)
            for head in range(4)
        }
        best = sorted(by_head, key=by_head.__getitem__)[-3:]
        scores = torch.zeros(len(answer.layout))
        for position in range(row + 1):
            for layer, head in best:
                added = expected.layers[layer].source(row, head, position)
                scores[position] += expected.increase(layer, added, row, token_target)
        torch.testing.assert_close(explanation.scores, scores, atol=3e-6, rtol=1e-3)


def test_more_heads_than_there_are_means_all(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    twelve, many = (
        explain(LogprobIncrease(), llava, answer, [Target((0,))], LogprobIncreaseSettings(heads=count))[0].scores
        for count in (12, 256)
    )
    assert torch.equal(twelve, many)
