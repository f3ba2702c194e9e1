"""Oracles: each perturbation by itself, painted by hand or written out in one eager pass, and read in one replay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, RegionMask
from core.masking import apply_mask
from core.perturb.prediction import Outcome, Prediction
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget

CLOSE = 2e-4


def painted(answer: Answer, masks: Iterable[RegionMask]) -> list[Image.Image]:
    """The question's pictures with its own masks and then these laid on, one after the other."""
    images = list(answer.question.images)
    for mask in (*answer.question.masks, *masks):
        images[mask.image] = apply_mask(images[mask.image], mask)
    return images


def logits_over(model: TransformersModel, answer: Answer, images: Sequence[Image.Image]) -> torch.Tensor:
    """The logits of the answer's tokens over other pictures, through the whole processor and in one replay."""
    question = replace(answer.question, images=tuple(images), masks=())
    return model.replay_logits(replace(answer, inputs=model.prepare(question).inputs))


def check(prediction: Prediction, logits: torch.Tensor, token_targets: Sequence[TokenTarget]) -> None:
    """A prediction says what these logits say, target by target."""
    assert prediction.token_targets == tuple(token_targets)
    for number, target in enumerate(token_targets):
        row = logits[target.index].double().log_softmax(-1)
        token = float(row[target.token])
        assert prediction.tokens[number] == pytest.approx(token, abs=CLOSE)
        assert int(row.argmax()) == prediction.top[number]
        # Tokens that are nearly as probable may stand in either order.
        near = [1 + sum(other > token + shift for other in row.tolist()) for shift in (CLOSE, -CLOSE)]
        assert near[0] <= prediction.ranks[number] <= near[1]
        if target.rival is None:
            assert np.isnan(prediction.rivals[number])
            assert prediction.logprobs[number] == pytest.approx(token, abs=CLOSE)
        else:
            assert prediction.rivals[number] == pytest.approx(float(row[target.rival]), abs=CLOSE)
            contrast = token - float(row[target.rival])
            assert prediction.logprobs[number] == pytest.approx(contrast, abs=2 * CLOSE)


def check_outcome(
    outcome: Outcome, before: torch.Tensor, after: torch.Tensor, token_targets: Sequence[TokenTarget]
) -> None:
    """An outcome says what these logits say of before and after."""
    check(outcome.before, before, token_targets)
    check(outcome.after, after, token_targets)
    np.testing.assert_allclose(outcome.changes, outcome.after.logprobs - outcome.before.logprobs)
    assert outcome.change == pytest.approx(outcome.changes.sum())
    assert outcome.changed.tolist() == [
        int(one.argmax()) != int(other.argmax())
        for one, other in ((before[target.index], after[target.index]) for target in token_targets)
    ]
