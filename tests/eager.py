"""Oracles: a second network with transformers' eager attention that reads a whole answer at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from core.answer import Answer, Decoding, Question, TokenKind
from core.vlm.edits import Edits, HeadAblation, Knockout, Site, StatePatch, StateShift
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel


@cache
def eager_network(folder: str, dtype: torch.dtype = torch.float64) -> Any:
    """The model of a folder, in double precision, with no weight asking for a gradient."""
    network = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager", dtype=dtype).eval()
    return network.requires_grad_(False)


def whole_inputs(answer: Answer, tokens: Sequence[int]) -> dict[str, Tensor]:
    """The prompt with `tokens` after it."""
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
    prompt = model.family.positions(model._passes.context_of(answer))
    assert prompt is not None
    after = int(prompt.max()) + 1 + torch.arange(len(answer.tokens))
    positions = torch.cat([prompt, after.expand(len(prompt), -1)], 1)
    inputs["position_ids"] = positions if len(positions) == 1 else positions[:, None]
    with torch.no_grad():
        logits: Tensor = eager_network(model.card.source)(**inputs, use_cache=False).logits[0]
    start = len(answer.prompt_tokens) - 1
    return logits[start : start + len(answer.tokens)]


def eager_logits_with(model: TransformersModel, answer: Answer, edits: Edits) -> Tensor:
    """The logits [answer vocabulary] of one eager pass over everything: knockouts as holes in each layer's own mask,
    heads as columns of what the output projection reads, and states replaced where they stand."""
    network = eager_network(model.card.source)
    layers = network.get_decoder().layers
    with contextlib.ExitStack() as hooks:
        for edit in edits:
            if isinstance(edit, Knockout):
                for index in range(len(layers)) if edit.layers is None else edit.layers:
                    hook = layers[index].register_forward_pre_hook(_knocking_out(edit), with_kwargs=True)
                    hooks.callback(hook.remove)
            elif isinstance(edit, HeadAblation):
                for number, (index, head) in enumerate(edit.heads):
                    instead = None if edit.outputs is None else edit.outputs[number].double()
                    output = layers[index].self_attn.o_proj
                    size = output.in_features // model.card.heads
                    hook = output.register_forward_pre_hook(_replacing_head(head, size, instead))
                    hooks.callback(hook.remove)
            elif edit.site is Site.INPUT:
                before = _shifting_before(edit) if isinstance(edit, StateShift) else _placing(edit)
                hooks.callback(layers[edit.layer].register_forward_pre_hook(before, with_kwargs=True).remove)
            else:
                parts = {Site.ATTENTION: "self_attn", Site.MLP: "mlp"}
                module = getattr(layers[edit.layer], parts[edit.site]) if edit.site in parts else layers[edit.layer]
                after = _shifting_after(edit) if isinstance(edit, StateShift) else _handing_on(edit)
                hooks.callback(module.register_forward_hook(after).remove)
        inputs = whole_inputs(answer, answer.token_ids)
        with torch.no_grad():
            logits: Tensor = network(**inputs, use_cache=False).logits[0]
    start = len(answer.prompt_tokens) - 1
    return logits[start : start + len(answer.tokens)]


def _knocking_out(edit: Knockout) -> Callable[..., Any]:
    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        mask = kwargs["attention_mask"].clone()
        for row in edit.rows:
            for column in edit.columns:
                if row != column:
                    mask[0, 0, row, column] = torch.finfo(mask.dtype).min
        return args, {**kwargs, "attention_mask": mask}

    return hook


def _replacing_head(head: int, size: int, instead: Tensor | None) -> Callable[..., Any]:
    def hook(_: Any, args: tuple[Tensor]) -> tuple[Tensor]:
        states = args[0].clone()
        states[..., head * size : (head + 1) * size] = 0 if instead is None else instead
        return (states,)

    return hook


def _placing(edit: StatePatch) -> Callable[..., Any]:
    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        states = args[0].clone()
        for position, state in zip(edit.positions, edit.states, strict=True):
            states[0, position] = state
        return (states, *args[1:]), kwargs

    return hook


def _shifted(edit: StateShift, states: Tensor) -> Tensor:
    states = states.clone()
    onward = range(max(edit.positions) + 1, states.shape[1]) if edit.onward else ()
    for position in {*edit.positions, *onward}:
        for feature in range(states.shape[2]):
            states[0, position, feature] += float(edit.vector[feature])
    return states


def _shifting_before(edit: StateShift) -> Callable[..., Any]:
    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return (_shifted(edit, args[0]), *args[1:]), kwargs

    return hook


def _shifting_after(edit: StateShift) -> Callable[..., Any]:
    def hook(_: Any, args: Any, output: Any) -> Any:
        return (_shifted(edit, output[0]), *output[1:]) if isinstance(output, tuple) else _shifted(edit, output)

    return hook


def _handing_on(edit: StatePatch) -> Callable[..., Any]:
    def hook(_: Any, args: Any, output: Any) -> Any:
        states = (output[0] if isinstance(output, tuple) else output).clone()
        for position, state in zip(edit.positions, edit.states, strict=True):
            states[0, position] = state
        return (states, *output[1:]) if isinstance(output, tuple) else states

    return hook


def sampled(model: TransformersModel, text: str, *pictures: Any, tokens: int = 5, **more: Any) -> Answer:
    """A random answer of some tokens."""
    decoding = Decoding(max_new_tokens=tokens, temperature=1.2, seed=3)
    return ask(model, Question(text, pictures, decoding=decoding, **more))
