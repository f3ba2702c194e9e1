"""Attention seen while SDPA does the work.

The decoder runs under a registered attention function that returns SDPA's output. Where a recorder is active in the
calling context, it also stores the softmax row of the last query, which is the position that predicts the next
token: one row a layer and head, never a full matrix. Where there is an observer, it is given each `AttentionCall`: what
the attention was given, and its output as it stands in the graph. Without either the function *is* SDPA, so nothing
needs to be put back afterwards and another thread's pass records nothing. The vision tower runs under a second name,
which can be observed but not recorded.

The mask function is registered under the same names: without it `transformers` builds no mask at all for an attention
it does not know, and sliding windows and padding are lost.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ..attention_call import AttentionCall, softmax_rows, without_keys
from ..attention_gradient import AttentionCut
from ..cancel import check_heard
from ..reweighting import Reweighed
from .editing import Placed, edited_heads, edited_mask, reweighed_at
from .last_rows import last_rows
from .row_recorder import RowRecorder

NAME = "recorded_attention"
"""The attention implementation of every decoder that this package loads. Without "sdpa" in it: transformers refuses
such names to decoders whose scores are capped, which are provided for here."""

TOWER = "observed_attention"
"""The attention implementation of every vision tower that this package loads."""

_active: ContextVar[RowRecorder | None] = ContextVar("attention_row_recorder", default=None)
_observer: ContextVar[tuple[str, Callable[[AttentionCall], None], torch.device] | None] = ContextVar(
    "attention_observer", default=None
)
_across: ContextVar[tuple[Callable[[AttentionCall], None], torch.device] | None] = ContextVar(
    "cross_attention_observer", default=None
)
_cuts: ContextVar[list[AttentionCut] | None] = ContextVar("attention_cuts", default=None)
_counted: ContextVar[Counter[int] | None] = ContextVar("attentions_counted", default=None)
_ends: ContextVar[bool] = ContextVar("pass_ends_at_attention", default=False)
_isolated: ContextVar[bool] = ContextVar("tower_places_isolated", default=False)


_numbers: WeakKeyDictionary[torch.nn.Module, int] = WeakKeyDictionary()


def number_layers(layers: Sequence[torch.nn.Module]) -> None:
    """Let what is seen in these layers of a decoder, and in all of their modules, be told by the layers' numbers."""
    for number, layer in enumerate(layers):
        for module in layer.modules():
            _numbers[module] = number


@contextlib.contextmanager
def recording(recorder: RowRecorder | None) -> Iterator[None]:
    """The one pass of this block, in this thread, records into `recorder`; None records nothing."""
    if recorder is not None:
        recorder.passes += 1
    token = _active.set(recorder)
    try:
        yield
    finally:
        _active.reset(token)


@contextlib.contextmanager
def seeing_only_themselves() -> Iterator[None]:
    """In this block, in this thread, every place of a vision tower attends to itself alone."""
    token = _isolated.set(True)
    try:
        yield
    finally:
        _isolated.reset(token)


@contextlib.contextmanager
def observing(name: str, observer: Callable[[AttentionCall], None], device: torch.device) -> Iterator[None]:
    """In this block, in this thread, `observer` is given the call of every attention of that name (NAME, TOWER): one
    for each sequence of a batch. What it holds lies on `device`, wherever the layer does."""
    token = _observer.set((name, observer, device))
    try:
        yield
    finally:
        _observer.reset(token)


def observed() -> bool:
    """Whether somebody looks at attention calls in this thread."""
    return _observer.get() is not None or _across.get() is not None


@contextlib.contextmanager
def observing_across(observer: Callable[[AttentionCall], None], device: torch.device) -> Iterator[None]:
    """The same of every cross-attention, whose keys are no positions of the sequence."""
    token = _across.set((observer, device))
    try:
        yield
    finally:
        _across.reset(token)


@contextlib.contextmanager
def counting(calls: Counter[int]) -> Iterator[None]:
    """In this block, in this thread, `calls` are told how often each layer of the decoder attends to the sequence."""
    token = _counted.set(calls)
    try:
        yield
    finally:
        _counted.reset(token)


class _Seen(Exception):
    """Ends a pass at its attention."""


@contextlib.contextmanager
def up_to_attention(observer: Callable[[AttentionCall], None], device: torch.device) -> Iterator[None]:
    """In this block, in this thread, a layer of the decoder is computed no further than to what its first attention to
    the sequence is given. The observer's calls have NaN as outputs, and what follows in the block is left out."""
    token = _ends.set(True)
    try:
        with observing(NAME, observer, device), contextlib.suppress(_Seen):
            yield
    finally:
        _ends.reset(token)


@contextlib.contextmanager
def cutting(cuts: list[AttentionCut]) -> Iterator[None]:
    """In this block, in this thread, graphs are cut at every attention that is observed: what the heads hand on is a
    leaf, and `cuts` says of what it was made."""
    token = _cuts.set(cuts)
    try:
        yield
    finally:
        _cuts.reset(token)


def recorded_sdpa(
    module: torch.nn.Module,
    query: Float[Tensor, "batch heads query size"],
    key: Float[Tensor, "batch key_value_heads key size"],
    value: Float[Tensor, "batch key_value_heads key value_size"],
    attention_mask: Tensor | None,
    scaling: float | None = None,
    placed: Placed | None = None,
    **kwargs: Any,
) -> tuple[Float[Tensor, "batch query heads value_size"], None]:
    """SDPA under the edits in force, and the first sequence's last row for the active recorder.

    Where queries or keys are not simply all of the sequence, `placed` says where they stand; else the queries are the
    last positions of the keys. Cross-attention over what is no part of the sequence is not recorded, and observed
    apart.
    """
    check_heard()
    layer, queries, keys = _numbers.get(module, 0), query.shape[2], key.shape[2]
    at = placed or Placed(keys - queries, length=keys)
    given, attention_mask = attention_mask, edited_mask(attention_mask, layer, queries, keys, at, query.device)
    nothing = None if attention_mask is given or attention_mask is None else without_keys(attention_mask)
    reweighed = reweighed_at(layer, len(query), queries, keys, at, query.device)
    recorder = None if at.across else _active.get()
    if recorder is not None and at.query + queries == at.length:
        first = reweighed[0] if reweighed else None
        _record(recorder, layer, query, key, attention_mask, nothing, scaling, kwargs, placed, first)
    if placed is not None:
        kwargs["is_causal"] = at.causal
    if not at.across and (counted := _counted.get()) is not None:
        counted[layer] += 1
    active = _across.get() if at.across else _observer_of(NAME)
    if _ends.get() and not at.across:
        nowhere = query.new_full((), float("nan")).expand(query.shape[0], queries, query.shape[1], value.shape[-1])
        _handed(active, None, nowhere, module, query, key, value, attention_mask, scaling, kwargs, placed, reweighed)
        raise _Seen
    with torch.set_grad_enabled(torch.is_grad_enabled() and not _cuts_graph(active)):
        if nothing is None or attention_mask is None:
            output = _attend(module, query, key, value, attention_mask, scaling, **kwargs)
        else:
            # What sees nothing brings nothing. (SDPA is spared rows without keys, which have no gradient.)
            zero = 0.0 if attention_mask.dtype != torch.bool else True
            opened = attention_mask.masked_fill(nothing, zero)
            output = _attend(module, query, key, value, opened, scaling, **kwargs)
            output = output.masked_fill(nothing.transpose(1, 2), 0)
        if reweighed:
            output = _reweighed(output, reweighed, module, query, key, value, attention_mask, scaling, kwargs, placed)
    leaf = output.requires_grad_() if _cuts_graph(active) else None
    output = edited_heads(output, layer)
    return _handed(active, leaf, output, module, query, key, value, attention_mask, scaling, kwargs, placed, reweighed)


def _reweighed(
    output: Float[Tensor, "batch query heads value_size"],
    reweighed: Sequence[Reweighed | None],
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    kwargs: dict[str, Any],
    placed: Placed | None,
) -> Float[Tensor, "batch query heads value_size"]:
    """SDPA's output, with the rows that edits weigh otherwise written out."""
    parts = list(output.unbind(0))
    for index, own in enumerate(reweighed):
        if own is not None:
            rows = own.rows.nonzero()[:, 0]
            call = _call(module, query, key, value, query, mask, scaling, kwargs, index, placed)
            allowed = call.allowed(rows)
            weights = softmax_rows(
                query[index][:, rows],
                key[index],
                call.scaling,
                allowed,
                call.softcap,
                kwargs.get("s_aux"),
                own.of(rows),
            )
            parts[index] = parts[index].index_copy(0, rows, _mixed(weights, value[index]))
    return torch.stack(parts)


def _mixed(
    weights: Float[Tensor, "heads row key"], value: Float[Tensor, "key_value_heads key value_size"]
) -> Float[Tensor, "row heads value_size"]:
    """What the heads hand on of some rows."""
    mixed = weights.to(value.dtype).reshape(len(value), -1, value.shape[1]) @ value
    return mixed.view(len(weights), -1, value.shape[2]).transpose(0, 1)


def _record(
    recorder: RowRecorder,
    layer: int,
    query: Tensor,
    key: Tensor,
    mask: Tensor | None,
    nothing: Tensor | None,
    scaling: float | None,
    kwargs: dict[str, Any],
    placed: Placed | None,
    reweighed: Reweighed | None,
) -> None:
    """The first sequence's last row for a recorder; `nothing` says which rows of the mask see nothing, `reweighed`
    what edits do to its rows."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    softcap, sinks = kwargs.get("softcap"), kwargs.get("s_aux")
    own = None if reweighed is None else reweighed.of(slice(-1, None))
    if mask is None and placed is None and own is None:
        recorder.follow(layer, query, key, scale, softcap, sinks)
        return
    allowed = None if mask is None else mask[0, :, -1:, : key.shape[2]]
    row = last_rows(query[0, :, -1:].detach(), key[0].detach(), allowed, scale, softcap, sinks, own)[:, 0]
    if nothing is not None and bool(nothing[0, 0, -1]):
        row = torch.zeros_like(row)
    if placed is not None:
        row = torch.nn.functional.pad(row, (placed.key, placed.length - placed.key - key.shape[2]))
    recorder.add(layer, row)


def observed_sdpa(
    module: torch.nn.Module,
    query: Float[Tensor, "batch heads query size"],
    key: Float[Tensor, "batch key_value_heads key size"],
    value: Float[Tensor, "batch key_value_heads key value_size"],
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Float[Tensor, "batch query heads value_size"], None]:
    """SDPA, which can be observed."""
    check_heard()
    if _isolated.get() and query.shape[2] == key.shape[2]:
        own = value.repeat_interleave(query.shape[1] // value.shape[1], 1)
        return own.transpose(1, 2).contiguous(), None
    active = _observer_of(TOWER)
    with torch.set_grad_enabled(torch.is_grad_enabled() and not _cuts_graph(active)):
        output = _attend(module, query, key, value, attention_mask, scaling, **kwargs)
    leaf = output.requires_grad_() if _cuts_graph(active) else None
    return _handed(active, leaf, output, module, query, key, value, attention_mask, scaling, kwargs)


def _attend(
    module: torch.nn.Module,
    query: Float[Tensor, "batch heads query size"],
    key: Float[Tensor, "batch key_value_heads key size"],
    value: Float[Tensor, "batch key_value_heads key value_size"],
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> Float[Tensor, "batch query heads value_size"]:
    """SDPA, or the written-out rule for what SDPA cannot do: scores that are capped, and sinks beside them."""
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        return _written_out(module, query, key, value, attention_mask, scaling, kwargs)
    output: Tensor
    output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    return output


def _observer_of(name: str) -> tuple[Callable[[AttentionCall], None], torch.device] | None:
    """The observer in force of attention of this name, and where its calls are to lie."""
    active = _observer.get()
    return None if active is None or active[0] != name else active[1:]


def _cuts_graph(active: object) -> bool:
    """Whether the graph of an attention with this observer is cut at its output."""
    return active is not None and _cuts.get() is not None and torch.is_grad_enabled()


def _handed(
    active: tuple[Callable[[AttentionCall], None], torch.device] | None,
    leaf: Float[Tensor, "batch query heads value_size"] | None,
    output: Float[Tensor, "batch query heads value_size"],
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    kwargs: dict[str, Any],
    placed: Placed | None = None,
    reweighed: Sequence[Reweighed | None] = (),
) -> tuple[Float[Tensor, "batch query heads value_size"], None]:
    """The output, after its attention calls were given to an observer, if there is one. `leaf` is where the graph was
    cut."""
    if active is None:
        return output, None
    observer, device = active
    # The network goes on with the very tensors that the calls hold: a gradient with respect to them exists.
    parts = output.to(device).unbind(0)
    query, key, value = query.to(device), key.to(device), value.to(device)
    mask = None if mask is None else mask.to(device)
    weighed = reweighed or (None,) * len(parts)
    calls = [
        replace(_call(module, query, key, value, part, mask, scaling, kwargs, index, placed), reweighed=weighed[index])
        for index, part in enumerate(parts)
    ]
    for call in calls:
        observer(call)
    if leaf is not None and (cuts := _cuts.get()) is not None:
        cuts.append(AttentionCut(module, query, key, value, leaf, tuple(calls)))
    return (torch.stack(parts) if len(parts) > 1 else parts[0][None]).to(output.device), None


def _written_out(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    kwargs: dict[str, Any],
) -> Float[Tensor, "batch query heads value_size"]:
    """Attention with capped scores (s -> c tanh(s / c)) or with sinks, all rows at once and differentiable."""
    outputs = []
    for index in range(len(query)):
        call = _call(module, query, key, value, query, mask, scaling, kwargs, index)
        allowed = call.allowed(torch.arange(query.shape[2], device=query.device))
        weights = softmax_rows(query[index], key[index], call.scaling, allowed, call.softcap, kwargs.get("s_aux"))
        outputs.append(_mixed(weights, value[index]))
    return torch.stack(outputs)


def _call(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    kwargs: dict[str, Any],
    index: int,
    placed: Placed | None = None,
) -> AttentionCall:
    """The attention call of the batch's `index`-th sequence. Where nothing is said of their places, its queries are the
    last positions of its keys."""
    causal = kwargs.get("is_causal")
    if mask is not None:
        mask = mask[index if mask.shape[0] > 1 else 0, :, :, : key.shape[2]]
    return AttentionCall(
        query=query[index].detach(),
        key=key[index].detach(),
        value=value[index].detach(),
        output=output,
        mask=mask,
        causal=mask is None and bool(getattr(module, "is_causal", True) if causal is None else causal),
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        softcap=kwargs.get("softcap"),
        sinks=None if kwargs.get("s_aux") is None else kwargs["s_aux"].detach().to(query.device),
        offset=key.shape[2] - query.shape[2] if placed is None else placed.query,
        first_key=0 if placed is None else placed.key,
        layer=_numbers.get(module, 0),
    )


for name, attention in ((NAME, recorded_sdpa), (TOWER, observed_sdpa)):
    AttentionInterface.register(name, attention)
    AttentionMaskInterface.register(name, sdpa_mask)
