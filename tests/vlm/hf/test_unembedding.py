"""Norms and unembeddings taken apart give what they give whole, whatever their conventions are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image
from transformers.models.cohere.modeling_cohere import CohereLayerNorm
from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from core.errors import NotApplicable
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.norms import read_norm
from core.vlm.unembedding import LogitTransform
from tests.eager import sampled

WIDTH = 48
NORMS = {
    "llama": LlamaRMSNorm(WIDTH, 1e-5),
    "gemma, 1 + weight": Gemma2RMSNorm(WIDTH),
    "layer norm": torch.nn.LayerNorm(WIDTH),
    "layer norm without weights": torch.nn.LayerNorm(WIDTH, elementwise_affine=False),
    "layer norm without shift": CohereLayerNorm(WIDTH),
    "torch's own": torch.nn.RMSNorm(WIDTH, eps=1e-5),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", list(NORMS))
def test_a_frozen_norm_maps_summands_to_summands(kind: str, dtype: torch.dtype) -> None:
    module = NORMS[kind]
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, 0.5, 1.0, generator=torch.Generator().manual_seed(1))
    module = module.to(dtype)
    norm = read_norm(module, WIDTH, torch.device("cpu"))
    module = module.float()
    assert norm is not None and norm.centred == ("layer norm" in kind)
    summands = torch.randn(3, 5, WIDTH, generator=torch.Generator().manual_seed(2)) + 0.7
    whole = summands.sum(0)
    scale = norm.scale(whole)
    torch.testing.assert_close(
        (norm.linear(summands) * scale[:, None]).sum(0) + norm.shift,
        module(whole),
        atol=1e-5,
        rtol=1e-4,
        check_dtype=False,
    )
    directions = torch.randn(5, WIDTH, generator=torch.Generator().manual_seed(3))
    forth, back = (norm.linear(whole) * directions).sum(-1), (whole * norm.linear_back(directions)).sum(-1)
    torch.testing.assert_close(forth, back, atol=1e-4, rtol=1e-4)
    assert norm.scale(torch.zeros(1, WIDTH)).isfinite().all()


@pytest.mark.parametrize("module", [torch.nn.Tanh(), torch.nn.Linear(WIDTH, WIDTH), torch.nn.Softmax(-1)])
def test_what_is_no_norm_is_not_read_as_one(module: torch.nn.Module) -> None:
    assert read_norm(module, WIDTH, torch.device("cpu")) is None


def test_the_parts_of_the_unembedding_give_the_logits(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "the dog?", picture, tokens=3)
    unembedding, states = model.unembedding(), model.checkpointed(answer).final
    normed = unembedding.norm.linear(states) * unembedding.norm.scale(states)[:, None]
    logits = model.unembed(states).detach()
    some = [5, 77]
    torch.testing.assert_close(
        unembedding.products(normed) + unembedding.constant(slice(None)), logits, atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(normed @ unembedding.rows(some).T + unembedding.constant(some), logits[:, some])


def finishing(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch, logit_transform: LogitTransform, configured: float | None
) -> None:
    """Let the network do this after its output embedding, whatever its configuration says."""
    forward = model.network.forward

    def finished(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        output.logits = logit_transform(output.logits)
        return output

    monkeypatch.setattr(model.network, "forward", finished)
    monkeypatch.setattr(model.network.config.get_text_config(), "final_logit_softcapping", configured, raising=False)
    measured_anew(model, monkeypatch)


def measured_anew(model: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the network's readout be measured, and that be forgotten after the test."""
    monkeypatch.setattr(model, "_readout_is_measured", False)
    monkeypatch.setattr(model, "_measured_readout", None)


@pytest.mark.parametrize(
    ("logit_transform", "configured"),
    [
        (LogitTransform(), 0.5),
        (LogitTransform(softcap=0.5), 0.5),
        (LogitTransform(0.25), None),
        (LogitTransform(0.125, 0.5), 0.5),
    ],
)
def test_logits_are_finished_as_the_network_does_it(
    logit_transform: LogitTransform,
    configured: float | None,
    llava: TransformersModel,
    picture: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=3)
    finishing(llava, monkeypatch, logit_transform, configured)
    transform = llava.unembedding().logit_transform
    assert (transform.multiplier, transform.softcap) == (
        pytest.approx(logit_transform.multiplier, rel=1e-4),
        logit_transform.softcap,
    )
    states = llava.checkpointed(answer).final[len(answer.prompt_tokens) - 1 :]
    torch.testing.assert_close(llava.unembed(states).detach(), llava.replay_logits(answer), atol=1e-5, rtol=1e-4)


def test_logits_that_are_finished_otherwise_are_not_read(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    finishing(llava, monkeypatch, LogitTransform(softcap=0.5), None)
    with pytest.raises(NotApplicable, match=r"How .* makes logits of its states is not known.*cannot be read in"):
        llava.unembedding()


def test_a_final_norm_that_is_none_is_said(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(llava.network.get_decoder()._modules, "norm", torch.nn.Tanh())
    measured_anew(llava, monkeypatch)
    with pytest.raises(NotApplicable, match=r"final norm of .* is none that is known.*cannot be read in the voc"):
        llava.unembedding()
