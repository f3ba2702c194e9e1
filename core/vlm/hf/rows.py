"""Attention looked up rather than recorded: any rows of the decoder, and the tower's among image tokens."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ...answer import Answer
from ...errors import NotShown
from ..attention_call import AttentionCall
from ..cancel import check_heard
from ..checkpoints import DecoderPass
from .capture import NAME, observing
from .editing import together
from .passes import Passes
from .prefill import Prefill

Checkpointed = Callable[[Answer], DecoderPass]

BLOCK_BYTES = 64 * 2**20
"""Rows are computed in blocks of about this size."""


def attention_rows(
    passes: Passes,
    prefill: Prefill,
    checkpointed: Checkpointed,
    answer: Answer,
    queries: Sequence[int],
    layers: Sequence[int] | None = None,
    into: Float[Tensor, "layer heads query position"] | None = None,
) -> Float[Tensor, "layer heads query position"]:
    """The decoder's softmax rows at some positions of an answer's sequence in some layers (None: all), from one pass
    over it, written `into` memory that is given; NaN in layers without attention, and where a layer passes a position
    on as it is. Raises NotShown where no layer's can be seen."""
    places = {layer: place for place, layer in enumerate(range(len(passes.layers)) if layers is None else layers)}
    length = answer.inputs["input_ids"].shape[1] + len(answer.token_ids)
    gathered: list[Tensor] = []

    def keep(call: AttentionCall) -> None:
        if not gathered:
            shape = (len(places), len(call.query), len(queries), length)
            exact = torch.promote_types(call.query.dtype, torch.float32)
            gathered.append(call.query.new_empty(shape, dtype=exact) if into is None else into)
            gathered[0].fill_(float("nan"))
        _write_rows(gathered[0][places[call.layer]], call, queries)

    if layers is None or max(queries, default=0) >= length - 1:
        calls = _observe(passes, prefill, answer, lambda call: keep(call) if call.layer in places else None)
        seen = [layer for layer in places if calls[layer] == 1]
        for layer in places.keys() & calls.keys() - seen:
            gathered[0][places[layer]] = float("nan")
    else:
        seen = []
        for layer in places:
            with contextlib.suppress(NotShown):
                keep(attention_call(passes, prefill, checkpointed, answer, layer))
                seen.append(layer)
    if not seen:
        raise _unseen(passes)
    return gathered[0]


def attention_call(
    passes: Passes, prefill: Prefill, checkpointed: Checkpointed, answer: Answer, layer: int
) -> AttentionCall:
    """What one layer's attention was given in a pass over an answer's sequence: from computing the layer again up to
    there, or, where layers cannot be computed again and under edits, from a pass of its own. Raises NotShown where it
    cannot be seen."""
    calls: list[AttentionCall] = []
    try:
        if together([()])[0]:
            raise NotShown("An edit within a layer is not made again with it.")
        if (call := checkpointed(answer).attention(layer)) is not None:
            calls.append(call)
    except NotShown:
        _observe(passes, prefill, answer, lambda call: calls.append(call) if call.layer == layer else None)
    if len(calls) != 1:
        raise _unseen(passes)
    return calls[0]


def _observe(
    passes: Passes, prefill: Prefill, answer: Answer, observer: Callable[[AttentionCall], None]
) -> Counter[int]:
    """Give an observer the attention calls of one pass over an answer's whole sequence. Returns how many calls each
    layer made."""
    seen: Counter[int] = Counter()

    def count(call: AttentionCall) -> None:
        seen[call.layer] += 1
        observer(call)

    inputs = passes.with_answer(prefill.with_features(answer.inputs), answer.token_ids)
    with passes.one_pass(0), observing(NAME, count, passes.network.device):
        passes.last_logits(1, **inputs, use_cache=False)
    return seen


def _write_rows(rows: Float[Tensor, "heads query position"], call: AttentionCall, queries: Sequence[int]) -> None:
    """An attention's rows at some positions, written where they stay."""
    at_once = max(1, BLOCK_BYTES // (4 * len(call.query) * rows.shape[-1]))
    for start in range(0, len(queries), at_once):
        check_heard()
        block = slice(start, start + at_once)
        rows[:, block] = call.whole_rows(queries[block], rows.shape[-1])


def _unseen(passes: Passes) -> NotShown:
    return NotShown(f"The attention of {passes.name} cannot be seen from outside.")
