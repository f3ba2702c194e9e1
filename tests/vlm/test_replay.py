"""A replay says the same again, and the check that it does can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Decoding, Question, Turn
from core.vlm.generation import ask
from core.vlm.hf.families.base import count_up
from core.vlm.hf.families.context import PromptContext
from core.vlm.hf.network import TransformersModel
from core.vlm.replay import NEGLIGIBLE, checked, replay_difference, self_check
from tests.families import save_paligemma
from tests.zoo import load, of_family

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


def test_the_check_catches_what_a_question_leaves_to_the_next(llava: TransformersModel) -> None:
    """A network that says otherwise once it has seen a picture, however its answer is read: each replay agrees."""
    llava.forget()
    looked: list[bool] = []

    def look(*_: Any) -> None:
        looked.append(True)

    def change(_: Any, args: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits + torch.arange(logits.shape[-1]) * 1e-3 if looked else logits

    hooks = [
        llava.network.model.vision_tower.register_forward_hook(look),
        llava.network.lm_head.register_forward_hook(change),
    ]
    try:
        check = self_check(llava)
    finally:
        for hook in hooks:
            hook.remove()
    assert not check.negligible
    assert "what was asked before" in check.sentence


def test_a_model_that_takes_no_words_alone_checks_itself_with_two_pictures(tmp_path: Path) -> None:
    model = load(save_paligemma(tmp_path))
    assert self_check(model).negligible


def test_a_check_that_cannot_be_made_is_an_outcome(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(llava.network, "forward", refuses)
    outcome = checked(llava)
    assert not outcome.negligible and "could not be found out (RuntimeError" in outcome.sentence


def test_an_empty_answer_replays_without_difference(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, Question("Where?", (picture,), decoding=replace(TEN, max_new_tokens=0)))
    assert replay_difference(model, answer) == 0.0
