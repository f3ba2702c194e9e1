"""One pass over an answer serves all that is read of it, and the vision tower runs once for all passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, Target
from core.explainers.base import Explainer
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.base import Mechanism
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.vlm.edits import HeadAblation
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    """Asked of a model that keeps nothing of other tests."""
    model.forget()
    return ask(model, Question("the the dog", picture, decoding=Decoding(max_new_tokens=3)))


@pytest.fixture
def ran(model: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ran since: the tower, the whole network."""
    ran: list[str] = []
    tower, forward = model._passes.tower, model.network.forward
    monkeypatch.setattr(model._passes, "tower", lambda *given: ran.append("tower") or tower(*given))
    monkeypatch.setattr(model.network, "forward", lambda **inputs: ran.append("pass") or forward(**inputs))
    return ran


def test_layers_and_heads_of_one_answer_share_a_pass(model: TransformersModel, answer: Answer, ran: list[str]) -> None:
    first = model.checkpointed(answer)
    call = model.attention_call(answer, 1)
    rows = model.attention_rows(answer, [9, 3], [2, 0])
    assert ran == ["pass"]
    expected = model.attention_rows(answer, [9, 3])
    torch.testing.assert_close(rows, expected[[2, 0]])
    length = len(answer.layout) - 1
    torch.testing.assert_close(call.of_heads([3, 1]).rows([9, 3]), expected[1, [3, 1], :, :length])
    assert torch.equal(model.checkpointed(answer).final, first.final)


def test_a_pass_that_is_freed_leaves_the_kept_one_whole(model: TransformersModel, answer: Answer) -> None:
    first = model.checkpointed(answer)
    states = first.inputs[0]
    first.free(0)
    first.final = torch.zeros_like(first.final)
    second = model.checkpointed(answer)
    assert second.inputs[0] is states and bool(second.final.any())


def test_a_pass_under_edits_is_neither_kept_nor_taken_from_what_is(model: TransformersModel, answer: Answer) -> None:
    clean = model.checkpointed(answer).final
    ablated = HeadAblation(((0, 1),))
    with model.edited((ablated,)):
        edited = model.checkpointed(answer).final
        rows = model.attention_rows(answer, [9], [1])
    assert not torch.equal(edited, clean) and torch.equal(model.checkpointed(answer).final, clean)
    assert not torch.allclose(rows, model.attention_rows(answer, [9], [1]))


@pytest.mark.parametrize("change", ["fewer tokens", "other pixels", "no memory"])
def test_what_a_pass_is_not_of_gets_one_of_its_own(
    model: TransformersModel, answer: Answer, ran: list[str], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "no memory":
        monkeypatch.setattr("core.vlm.hf.kept_pass.available_bytes", lambda device: 1)
    model.checkpointed(answer)
    pixels = answer.inputs["pixel_values"]
    other = {
        "fewer tokens": answer.until(2),
        "other pixels": replace(answer, inputs={**answer.inputs, "pixel_values": -pixels}),
        "no memory": answer,
    }[change]
    final = model.checkpointed(other).final
    assert ran == ["pass", *(["tower"] if change == "other pixels" else []), "pass"]
    expected = model.unembed(final[len(answer.prompt_tokens) - 1 :])
    torch.testing.assert_close(model.replay_logits(other), expected, atol=1e-5, rtol=1e-4)


def test_the_tower_runs_again_only_once_it_is_forgotten(
    model: TransformersModel, answer: Answer, ran: list[str]
) -> None:
    model.attention_rows(answer, [3])
    assert "tower" not in ran
    model.forget()
    for _ in range(2):
        model.attention_rows(answer, [3])
    assert ran.count("tower") == 1


LOOKING = {"relevancy", "attention_times_tower", "occlusion_pixels", "occlusion_superpixels", "greedy_regions"}
"""Explainers that look inside the tower, or at other pictures."""


@pytest.mark.parametrize("method", [*explainers().values(), *mechanisms().values()], ids=lambda method: method.key)
def test_the_tower_runs_again_only_where_it_is_looked_into(
    method: Explainer | Mechanism, llava: TransformersModel, picture: Image.Image
) -> None:
    llava.forget()
    # The latter is asked over the prompt that the former left.
    _, answer = (ask(llava, Question(text, picture, decoding=Decoding(max_new_tokens=3))) for text in ("the", "dog"))
    seen: list[int] = []
    hook = llava.network.model.vision_tower.register_forward_hook(lambda *_: seen.append(1))
    try:
        if isinstance(method, Explainer):
            explain(method, llava, answer, [Target((1,))])
        else:
            measure(method, llava, answer, Target((1,)))
        llava.replay_logits(answer)
    finally:
        hook.remove()
    assert bool(seen) == (method.key in LOOKING), f"{len(seen)} passes of the tower"
