"""Oracles: a second network with transformers' eager attention that reads a whole answer at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from core.answer import Answer, Decoding, Question, TokenKind
from core.vlm.generation import ask
from core.vlm.network import TransformersModel


@cache
def eager_network(folder: str, dtype: torch.dtype = torch.float64) -> Any:
    """The model of a folder, in double precision, with no weight asking for a gradient."""
    network = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager", dtype=dtype).eval()
    return network.requires_grad_(False)


def whole_inputs(answer: Answer, tokens: Sequence[int]) -> dict[str, Tensor]:
    """The prompt with `tokens` behind it."""
    more = torch.tensor([list(tokens)], dtype=torch.long)
    inputs = {**answer.inputs, "input_ids": torch.cat([answer.inputs["input_ids"], more], 1)}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], 1)
    return {name: value.double() if value.is_floating_point() else value for name, value in inputs.items()}


def eager_attentions(model: TransformersModel, answer: Answer) -> list[Tensor]:
    """Each decoder layer's whole attention, [heads query key], over prompt and answer."""
    inputs = whole_inputs(answer, answer.token_ids)
    with torch.no_grad():
        attentions = eager_network(model.card.source)(**inputs, output_attentions=True).attentions
    return [layer[0] for layer in attentions]


def eager_logits_from(
    model: TransformersModel, answer: Answer, layer: int, change: Callable[[Tensor], Tensor]
) -> Tensor:
    """The logits [position vocabulary] when `change` has been applied to the states [position hidden] that enter a
    decoder layer."""
    network = eager_network(model.card.source)

    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (change(args[0][0])[None], *args[1:]), kwargs

    hook = network.get_decoder().layers[layer].register_forward_pre_hook(before, with_kwargs=True)
    try:
        logits: Tensor = network(**whole_inputs(answer, answer.token_ids), use_cache=False).logits[0]
    finally:
        hook.remove()
    return logits


def eager_states_and_gradient(
    model: TransformersModel, answer: Answer, layer: int, index: int, token: int, rival: int | None = None
) -> tuple[Tensor, Tensor]:
    """The states [position hidden] that enter a decoder layer, and the gradient of one raw logit (less a rival's)."""
    leaves: list[Tensor] = []

    def leaf(states: Tensor) -> Tensor:
        leaves.append(states.detach().requires_grad_(True))
        return leaves[0]

    row = eager_logits_from(model, answer, layer, leaf)[len(answer.prompt_tokens) + index - 1]
    wanted = row[token] if rival is None else row[token] - row[rival]
    (gradient,) = torch.autograd.grad(wanted, leaves[0])
    return leaves[0].detach(), gradient


def eager_logits_without(
    model: TransformersModel, answer: Answer, hidden: Sequence[int], window: int | None = None
) -> Tensor:
    """The logits [answer vocabulary] of one pass over everything under an additive mask that is written out."""
    inputs = whole_inputs(answer, answer.token_ids)
    length = inputs["input_ids"].shape[1]
    rows, columns = torch.arange(length)[:, None], torch.arange(length)[None]
    allowed = columns <= rows
    if window is not None:
        allowed &= rows - columns < window
    last_image = max(answer.layout.positions(TokenKind.IMAGE), default=-1)
    for row in range(last_image + 1, length):
        for column in hidden:
            if column != row:
                allowed[row, column] = False
    lowest = torch.finfo(torch.float64).min
    inputs["attention_mask"] = torch.zeros(length, length).double().masked_fill(~allowed, lowest)[None, None]
    prompt = model.family.positions(model.network, answer.inputs)
    assert prompt is not None
    behind = int(prompt.max()) + 1 + torch.arange(len(answer.tokens))
    positions = torch.cat([prompt, behind.expand(len(prompt), -1)], 1)
    inputs["position_ids"] = positions if len(positions) == 1 else positions[:, None]
    with torch.no_grad():
        logits: Tensor = eager_network(model.card.source)(**inputs, use_cache=False).logits[0]
    start = len(answer.prompt_tokens) - 1
    return logits[start : start + len(answer.tokens)]


def sampled(model: TransformersModel, text: str, *pictures: Any, tokens: int = 5, **more: Any) -> Answer:
    """A random answer of some tokens."""
    decoding = Decoding(max_new_tokens=tokens, temperature=1.2, seed=3)
    return ask(model, Question(text, pictures, decoding=decoding, **more))
