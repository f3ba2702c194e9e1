"""Pixels of kept answers are within the budget: they are dropped, and made again as they were."""

from __future__ import annotations

import gc

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question
from core.errors import NeedsItsModel
from core.vlm.generation import ask
from core.vlm.hf import network
from core.vlm.hf.network import TransformersModel
from core.vlm.kept_budget import BYTES, budget

TWO = Decoding(max_new_tokens=2)


def asked(model: TransformersModel, color: str) -> Answer:
    return ask(model, Question("Where?", (Image.new("RGB", (60, 40), color),), decoding=TWO), keep_attention=False)


def test_pixels_of_many_pictures_stay_within_the_budget_and_are_made_again_as_they_were(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.hf.kept_inputs.WORTH_SHARING", 1)
    first = asked(llava, "teal")
    pixels, logits = first.inputs["pixel_values"].clone(), llava.replay_logits(first)
    monkeypatch.setenv(BYTES, str(3 * pixels.nbytes))
    others = [asked(llava, color) for color in ("red", "blue", "green", "white", "black")]
    assert budget.used <= 3 * pixels.nbytes
    held = [one for one in (first, *others) if one.inputs._own["pixel_values"].kept_bytes]  # type: ignore[attr-defined]
    assert first not in held and others[-1] in held
    assert torch.equal(llava.replay_logits(first), logits)
    assert torch.equal(first.inputs["pixel_values"], pixels) and budget.used <= 3 * pixels.nbytes


def test_what_was_dropped_of_a_model_that_is_gone_asks_for_it(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.hf.kept_inputs.WORTH_SHARING", 1)
    answer = asked(llava, "teal")
    answer.inputs._own["pixel_values"].drop()  # type: ignore[attr-defined]
    with monkeypatch.context() as gone:
        gone.setattr(network, "_loaded", {})
        assert "pixel_values" in answer.inputs and len(answer.inputs["input_ids"])
        with pytest.raises(NeedsItsModel, match=r"no longer loaded\. Load that model, or ask the question again\."):
            llava.replay_logits(answer)
    assert len(llava.replay_logits(answer)) == len(answer.tokens)


def test_answers_hold_no_model(llava: TransformersModel) -> None:
    answer = asked(llava, "teal")
    found, left = set[int](), [answer.inputs]
    while left:
        one = left.pop()
        if id(one) not in found and not isinstance(one, type | torch.Tensor) and len(found) < 5000:
            found.add(id(one))
            assert not isinstance(one, TransformersModel)
            left += [each for each in gc.get_referents(one) if type(each).__name__ not in ("module", "function")]
