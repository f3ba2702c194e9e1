"""From which token on an answer in half precision might have been another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from core.answer import Decoding, Question
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from core.vlm.parting import parting

SIX = Decoding(max_new_tokens=6)


def test_a_replay_that_chooses_another_token_is_told_from_there_on(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parting(llava, ask(llava, Question("Where?", (picture,), decoding=SIX))) is None
    monkeypatch.setattr(llava, "card", replace(llava.card, dtype="bfloat16"))
    for decoding in (SIX, Decoding(max_new_tokens=6, temperature=1.2, seed=4)):
        answer = ask(llava, Question("Where?", (picture,), decoding=decoding))
        alike = parting(llava, replace(answer))
        assert alike is not None and alike.replayed is None and alike.moved < 1e-3
        logits = llava.replay_logits(answer)
        logits[3, answer.tokens[3].alternatives[1].id] += 50
        logits[5] = -logits[5]
        monkeypatch.setattr(llava, "replay_logits", lambda _, changed=logits: changed)
        parts = parting(llava, answer)
        monkeypatch.undo()
        monkeypatch.setattr(llava, "card", replace(llava.card, dtype="bfloat16"))
        assert parts is not None and parts.replayed == 3
        assert "From its token 4" in str(parts.sentence(answer))
        # A sampled answer is decided by the draw: leads over the next likely say nothing of it.
        assert parts.uncertain == (0 if decoding is SIX else None)


def test_eager_attention_parts_no_earlier_than_is_told(llava_folder: Path, picture: Image.Image) -> None:
    model = load_model(ModelSpec(str(llava_folder), "bfloat16", "cpu"))
    answer = ask(model, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=40)))
    eager = AutoModelForImageTextToText.from_pretrained(
        llava_folder, attn_implementation="eager", dtype=torch.bfloat16
    ).eval()
    inputs = {
        name: value.to(eager.dtype) if value.is_floating_point() else value for name, value in answer.inputs.items()
    }
    said = eager.generate(**inputs, max_new_tokens=40, do_sample=False)[0, len(answer.prompt_tokens) :].tolist()
    first = next((index for index, id in enumerate(answer.token_ids) if said[index] != id), 40)
    parts = parting(model, answer)
    assert parts is not None and (first == 40 or (parts.uncertain is not None and parts.uncertain <= first))
    assert parts.replayed is None or (parts.uncertain is not None and parts.uncertain <= parts.replayed)
