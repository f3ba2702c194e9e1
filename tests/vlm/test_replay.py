"""A replay says the same again, and the check that it does can fail."""

from __future__ import annotations

from dataclasses import replace

import torch
from PIL import Image

from core.answer import Decoding, Question, Turn
from core.vlm.generation import ask
from core.vlm.hf.families.base import count_up
from core.vlm.hf.families.context import PromptContext
from core.vlm.hf.network import TransformersModel
from core.vlm.replay import NEGLIGIBLE, replay_difference, self_check
from tests.zoo import of_family

TEN = Decoding(max_new_tokens=10, temperature=1.2, seed=4)


def test_replayed_logits_are_the_generated_ones(model: TransformersModel, picture: Image.Image) -> None:
    for question in (
        Question("Where is the dog?", (picture,), decoding=TEN),
        Question("Why?", (picture,), history=(Turn("Where?", "There."),), decoding=TEN),
        Question("Two?", (picture, picture.resize((60, 90))), decoding=TEN),
        Question("Only words", decoding=TEN),
    ):
        answer = ask(model, question)
        logits = model.replay_logits(answer)
        assert logits.shape == (10, model.card.vocabulary)
        assert replay_difference(model, answer) < 1e-4
        for row, token in zip(logits.log_softmax(-1), answer.tokens, strict=True):
            best = torch.tensor([option.logprob for option in token.alternatives])
            torch.testing.assert_close(row.topk(10).values, best, atol=1e-4, rtol=0)


def test_a_loaded_model_checks_itself(model: TransformersModel) -> None:
    check = self_check(model)
    assert check.negligible and check.difference < NEGLIGIBLE["float32"]


def test_the_check_catches_wrong_positions(qwen: TransformersModel) -> None:
    """Plain counting in place of the family's three axes: the mistake that such a check is for."""

    class Miscounting(type(qwen.family)):  # type: ignore[misc]
        def positions(self, context: PromptContext) -> torch.Tensor:
            return count_up(context.inputs).expand(3, -1)

    check = self_check(of_family(qwen, Miscounting()))
    assert not check.negligible
    assert "more than rounding" in check.sentence


def test_an_empty_answer_replays_without_difference(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, Question("Where?", (picture,), decoding=replace(TEN, max_new_tokens=0)))
    assert replay_difference(model, answer) == 0.0
