"""Attention rows in every precision: times the values, they are the attention's own output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Decoding, Question
from core.vlm.attention_call import AttentionCall
from core.vlm.generation import ask
from core.vlm.hf.capture import NAME, observing, recorded_sdpa, recording
from core.vlm.hf.row_recorder import RowRecorder
from core.vlm.loading import ModelSpec, load_model

LENGTH, HEADS, SIZE = 40, 4, 64
NEAR = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""How far the output of an attention in a precision is from the exact one, beside values of about 1."""

WINDOW = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril().triu(-7)[None, None]
SINKS = torch.tensor([50.0, 5000.0, -3.0, 400.0])
KINDS: dict[str, dict[str, Any]] = {
    "keys of their own": {"groups": HEADS},
    "grouped heads": {"groups": 2},
    "a sliding window": {"groups": 2, "mask": WINDOW},
    "a mask of numbers": {"groups": 2, "mask": torch.zeros(1, 1, LENGTH, LENGTH).masked_fill(~WINDOW, -1e4)},
    "capped scores": {"groups": 2, "mask": WINDOW, "softcap": 30.0},
    "sinks": {"groups": 2, "mask": WINDOW, "s_aux": SINKS},
}


@pytest.mark.parametrize("large", [3, 60], ids=["scores of tens", "products above 65504"])
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("dtype", list(NEAR), ids=str)
def test_rows_times_values_are_what_the_attention_gave(kind: str, dtype: torch.dtype, large: int) -> None:
    more = dict(KINDS[kind])
    groups, mask = more.pop("groups"), more.pop("mask", None)
    numbers = torch.Generator().manual_seed(0)
    query, key, value = (
        (torch.randn(1, heads, LENGTH, SIZE, generator=numbers) * scale).to(dtype)
        for heads, scale in ((HEADS, large), (groups, large), (groups, 1))
    )
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(dtype)
    module = torch.nn.Module()
    module.is_causal, module.num_key_value_groups = True, HEADS // groups
    calls: list[AttentionCall] = []
    recorder = RowRecorder(1, 1, LENGTH)
    with observing(NAME, calls.append, query.device), recording(recorder):
        output, _ = recorded_sdpa(module, query, key, value, mask, **more)
    values = value[0].double().repeat_interleave(HEADS // groups, 0)
    rows = calls[0].rows(range(LENGTH))
    near = {"atol": NEAR[dtype], "rtol": 0.0}
    torch.testing.assert_close((rows.double() @ values).transpose(0, 1), output[0].double(), **near)
    recorded = recorder.rows(1, LENGTH)
    assert recorded is not None
    torch.testing.assert_close(recorded.weights[0, :, 0].float(), rows[:, -1], atol=1e-3, rtol=1e-3)
    expected = literally(query, key, mask if mask is not None else WINDOW.new_ones(1, 1, LENGTH, LENGTH).tril(), more)
    torch.testing.assert_close(rows.double(), expected, atol=5e-3 if large > 3 else 1e-5, rtol=0.0)


def literally(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor, more: dict[str, Any]) -> torch.Tensor:
    """softmax(q.k / sqrt(d)) of one sequence in double precision, as written in textbooks."""
    keys = key[0].double().repeat_interleave(query.shape[1] // key.shape[1], 0)
    scores = query[0].double() @ keys.transpose(1, 2) / SIZE**0.5
    if "softcap" in more:
        scores = more["softcap"] * torch.tanh(scores / more["softcap"])
    scores = scores.masked_fill(~mask[0], -torch.inf) if mask.dtype == torch.bool else scores + mask[0].double()
    beside = more["s_aux"].double()[:, None, None] if "s_aux" in more else torch.tensor(-torch.inf).double()
    largest = torch.maximum(scores.amax(-1, keepdim=True), beside)
    weights = (scores - largest).exp()
    return weights / (weights.sum(-1, keepdim=True) + (beside - largest).exp())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_towers_rows_times_values_are_what_it_gave(dtype: Any, llava_folder: Path, picture: Image.Image) -> None:
    model = load_model(ModelSpec(str(llava_folder), dtype, "cpu"))
    for layer in model.network.model.vision_tower.encoder.layers:  # type: ignore[attr-defined]
        layer.self_attn.q_proj.weight.data *= 30
    answer = ask(model, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=1)))
    tower = model.checkpointed_tower(answer)
    assert tower is not None
    for layer in range(tower.layers):
        with tower.recompute(layer, grad=False) as recomputed:
            (call,) = recomputed.attention_calls
            mixed = call.rows(range(call.query.shape[1])) @ call.value.float()
            torch.testing.assert_close(mixed.transpose(0, 1), call.output.float(), atol=3e-2, rtol=3e-2)
