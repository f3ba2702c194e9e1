"""The rules as they are published, with every matrix whole, in float64: what the fast ways are measured against.

A second network is loaded from the same folder and runs under an attention function that writes everything out and
keeps its weights in the graph. Nothing here uses checkpointed passes, attention calls or what a family declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForImageTextToText
from transformers.masking_utils import eager_mask

from core.answer import Answer, TokenKind
from core.vlm.targets import TokenTarget

NAME = "written_out"
kept: list[tuple[Any, Tensor, Tensor]] = []
"""Module, weights [batch heads n n] and values [batch heads n size] of every call, until somebody clears it."""


def written_out(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """softmax(scaling q k^T) v, whole."""
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    scores = query @ key.transpose(2, 3) * scaling
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(-1)
    kept.append((module, weights, value))
    return (weights @ value).transpose(1, 2), weights


AttentionInterface.register(NAME, written_out)
AttentionMaskInterface.register(NAME, eager_mask)


@dataclass
class Pass:
    """One whole pass: logits [position vocabulary], each layer's attention [heads n n], decoder and tower, and what
    the tower's last read layer left [place width] beside the features [image token hidden] made of it."""

    logits: Tensor
    decoder: list[Tensor]
    tower: list[list[Tensor]]
    last: Tensor | None
    features: Tensor | None


def network_of(folder: Path) -> Any:
    """The folder's network in float64 under the written-out attention."""
    names = {"": "eager", "text_config": NAME, "vision_config": NAME}
    return AutoModelForImageTextToText.from_pretrained(folder, attn_implementation=names).double().eval()


def whole_pass(network: Any, answer: Answer) -> Pass:
    """Prompt and all but the last answer token, in one go."""
    more = torch.tensor([answer.token_ids[:-1]], dtype=torch.long)
    inputs = {name: v.double() if v.is_floating_point() else v for name, v in answer.inputs.items()}
    inputs["input_ids"] = torch.cat([inputs["input_ids"], more], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    # PaliGemma's answers are told from the prompt, whose tokens see each other both ways.
    types = torch.full_like(more, network.config.model_type == "paligemma")
    for name in {"mm_token_type_ids", "token_type_ids"} & inputs.keys():
        inputs[name] = torch.cat([inputs[name], types], 1)
    seen: dict[str, Tensor] = {}
    base = network.model
    layers = tower_layers(network)
    look = base.get_image_features

    def looking(*args: Any, **kwargs: Any) -> Any:
        looked = look(*args, **kwargs)
        seen["features"] = torch.cat(list(looked.pooler_output))
        return looked

    hook = layers[-1].register_forward_hook(
        lambda _, __, out: seen.update(last=out[0] if isinstance(out, tuple) else out)
    )
    base.get_image_features = looking
    kept.clear()
    try:
        logits = network(**inputs, use_cache=False).logits[0]
    finally:
        hook.remove()
        del base.get_image_features
    decoder = set(network.get_decoder().modules())
    causal = [weights for module, weights, _ in kept if module in decoder]
    tower: dict[int, list[Tensor]] = {}
    for module, weights, _ in kept:
        if module not in decoder:
            tower.setdefault(id(module), []).append(weights)
    kept.clear()
    return Pass(
        logits=logits,
        decoder=causal,
        tower=list(tower.values())[: len(layers)],
        last=seen.get("last"),
        features=seen.get("features"),
    )


def tower_layers(network: Any) -> Any:
    """The tower's layers up to the last one that is read."""
    base = network.model
    if hasattr(base, "visual"):
        return base.visual.blocks
    if hasattr(base, "vision_model"):
        return base.vision_model.encoder.layers
    encoder = base.vision_tower.encoder
    layers = encoder.layers if hasattr(encoder, "layers") else encoder.layer
    feature = getattr(network.config, "vision_feature_layer", -1)
    named = [feature] if isinstance(feature, int) else feature
    return layers[: max(count if count >= 0 else len(layers) + 1 + count for count in named)]


def target_logit(looked: Pass, answer: Answer, token_target: TokenTarget) -> Tensor:
    """The raw logit of a token target, less its rival's."""
    row = looked.logits[len(answer.prompt_tokens) + token_target.index - 1]
    return row[token_target.token] if token_target.rival is None else row[token_target.token] - row[token_target.rival]


def product(matrices: Sequence[Tensor]) -> Tensor:
    """R <- R + Abar R from the first layer to the last (Chefer et al. 2021, equation 6)."""
    relevancy = torch.eye(matrices[0].shape[-1], dtype=torch.float64)
    for abar in matrices:
        relevancy = relevancy + abar @ relevancy
    return relevancy


def weighted(attention: Tensor, gradient: Tensor) -> Tensor:
    """mean_h relu(dA * A) (equation 5), batch elements and windows side by side as blocks of one matrix."""
    return torch.block_diag(*(attention * gradient).clamp(min=0).mean(1))


def relevancy(
    looked: Pass, answer: Answer, token_target: TokenTarget, *, constant_rows: int = 0, tower: bool = False
) -> Tensor:
    """The map of one token target, [position]; rows before `constant_rows` have no attention; `tower` goes on through
    it."""
    flat = [weights for layer in looked.tower for weights in layer] if tower else []
    gradients = torch.autograd.grad(
        target_logit(looked, answer, token_target), [*looked.decoder, *flat], retain_graph=True
    )
    matrices = []
    for attention, gradient in zip(looked.decoder, gradients, strict=False):
        abar = weighted(attention, gradient)
        abar[:constant_rows] = 0
        matrices.append(abar)
    row = product(matrices)[len(answer.prompt_tokens) + token_target.index - 1]
    scores = torch.zeros(len(answer.layout), dtype=torch.float64)
    scores[: len(row)] = row
    if tower:
        places = places_of(looked)
        left = iter(gradients[len(looked.decoder) :])
        layers = [torch.block_diag(*(weighted(a, next(left)) for a in layer)) for layer in looked.tower]
        images = list(answer.layout.positions(TokenKind.IMAGE))
        start = torch.zeros(layers[0].shape[0], dtype=torch.float64)
        # The end of a row of patches is made of no place: what it has of relevancy stays with it.
        placed = [(position, own) for position, own in zip(images, places, strict=True) if len(own)]
        for position, own in placed:
            start[own] = scores[position] / len(own)
        pushed = start @ product(layers)
        for position, own in placed:
            scores[position] = pushed[own].sum()
    return scores.detach()


def places_of(looked: Pass) -> list[Tensor]:
    """For each image token the places of the tower it is made of: those it has a gradient with respect to."""
    assert looked.last is not None and looked.features is not None
    places = []
    for token in looked.features:
        (gradient,) = torch.autograd.grad(token.sum(), looked.last, retain_graph=True)
        places.append((gradient.flatten(0, -2).abs().sum(-1) > 0).nonzero()[:, 0])
    return places
