"""The backward pass of attention, for several gradients at once, in blocks of rows.

With P the softmax of scores S = q k, and O = P V: dP = dO V, dS = P (dP - dO O), dq = dS k, dk = dS q, dV = P dO. What
depends on no gradient, P above all, is formed once for all of them; no block leaves a processor's cache before it is
done with, and on the way Chefer's rule finds P dP, the gradient of a weight times the weight, ready made. (SDPA's own
backward pass on a CPU is several times slower in half precision, and takes one gradient at a time.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .attention_call import AttentionCall, Scratch, block_bytes, blocks
from .cancel import check_heard
from .precision import at_least_float32

LEAST_ROWS, MOST_ROWS, GPU_MOST_ROWS = 16, 128, 512
"""Rows of a block. Causal attention spares what many short blocks do not see."""


@dataclass(frozen=True, eq=False)
class AttentionCut:
    """Where the graph of a recomputed layer is cut: `output` is a leaf, and the gradients of `query`, `key` and `value`
    are to be had from its own (`attention_gradients`).

    `calls` are the attention's, one for each sequence of the batch; `counted` says whether they are the layer's
    attention as it can be seen. Keys before `live` are constants. Cuts of the same `module` do not depend on each
    other; a later one of another may depend on an earlier one.
    """

    module: object
    query: Float[Tensor, "batch heads query size"]
    key: Float[Tensor, "batch key_value_heads key size"]
    value: Float[Tensor, "batch key_value_heads key value_size"]
    output: Float[Tensor, "batch query heads value_size"]
    calls: tuple[AttentionCall, ...]
    live: int = 0
    counted: bool = True


@dataclass(frozen=True, eq=False)
class AttentionGradients:
    """Gradients with respect to what an attention was given, in at least float32, constant keys left out; and what was
    asked of its weights: `brought` is share . mean over heads of relu(dy/dP * P)."""

    query: Float[Tensor, "target sequence heads query size"]
    key: Float[Tensor, "target sequence key_value_heads live_key size"]
    value: Float[Tensor, "target sequence key_value_heads live_key value_size"]
    brought: Float[Tensor, "target sequence key"] | None


def attention_gradients(
    calls: Sequence[AttentionCall],
    gradient: Float[Tensor, "target sequence query heads value_size"],
    shares: Float[Tensor, "target sequence query"] | None = None,
    live: int = 0,
) -> AttentionGradients:
    """The gradients of attention calls of one shape from those of their outputs. Keys before `live` are constants."""
    if len(calls) > 1 and any(call.mask is not None for call in calls):
        each = [
            attention_gradients([call], gradient[:, [index]], None if shares is None else shares[:, [index]], live)
            for index, call in enumerate(calls)
        ]
        brought = [one.brought for one in each if one.brought is not None]
        return AttentionGradients(
            torch.cat([one.query for one in each], 1),
            torch.cat([one.key for one in each], 1),
            torch.cat([one.value for one in each], 1),
            torch.cat(brought, 1) if brought else None,
        )
    return _of_stacked(_stacked(calls), len(calls), gradient, shares, live)


def _stacked(calls: Sequence[AttentionCall]) -> AttentionCall:
    """Calls of one shape without masks as one, whose heads are all of theirs."""
    if len(calls) == 1:
        return calls[0]
    sinks = [call.sinks for call in calls if call.sinks is not None]
    return replace(
        calls[0],
        query=torch.cat([call.query for call in calls]),
        key=torch.cat([call.key for call in calls]),
        value=torch.cat([call.value for call in calls]),
        sinks=torch.cat(sinks) if sinks else None,
        # Each counts from its own first: a call's queries and keys stand equally far from there.
        offset=calls[0].offset - calls[0].first_key,
        first_key=0,
    )


def _of_stacked(
    call: AttentionCall,
    sequences: int,
    gradient: Float[Tensor, "target sequence query heads value_size"],
    shares: Float[Tensor, "target sequence query"] | None,
    live: int,
) -> AttentionGradients:
    groups, keys, size = call.key.shape
    queries, wide, targets = call.query.shape[1], call.value.shape[-1], len(gradient)
    each = len(call.query) // groups
    query = (at_least_float32(call.query) * call.scaling).view(groups, each, queries, size)
    both = torch.cat([at_least_float32(call.key), at_least_float32(call.value)], -1)
    across = both[..., size:].transpose(1, 2).contiguous()
    exact = query.dtype
    of_output = gradient.to(exact).view(targets, sequences, queries, groups // sequences, each, wide)
    of_output = of_output.permute(1, 3, 0, 4, 2, 5).reshape(groups, targets, each, queries, wide)
    of_query = query.new_zeros(groups, targets, each, queries, size)
    of_both = query.new_zeros(groups, targets, keys - live, size + wide)
    brought = None if shares is None else query.new_zeros(groups, targets, keys)
    if shares is not None:
        shares = shares.to(exact).transpose(0, 1).repeat_interleave(groups // sequences, 0)[:, :, None]
    first_scratch, second_scratch = Scratch(query), Scratch(query)
    room = block_bytes(query.device) // exact.itemsize
    most = MOST_ROWS if query.device.type == "cpu" else GPU_MOST_ROWS
    active = (of_output != 0).any(-1).any(2).any(1).any(0)
    for rows in blocks(active, min(most, max(LEAST_ROWS, room // (each * keys)))):
        check_heard()
        span, seen_by_all = call.sight(rows)
        row_count = rows.stop - rows.start
        height, length = each * row_count, span.stop - span.start
        first = max(span.start, live)
        alive = slice(first - span.start, None)
        # Of few heads the weights, which are the same for all gradients, stay at hand beside a block.
        together = max(1, room // (height * length * targets))
        for start in range(0, groups, together):
            of = slice(start, min(groups, start + together))
            own = query[of, :, rows]
            weights, sums, slope = call.exponentials(own, of, rows, span, seen_by_all, first_scratch)
            pulling = weights if slope is None else weights * slope
            mixed = torch.bmm(pulling, both[of, span, :size]) / sums
            output = (torch.bmm(weights, both[of, span, size:]) / sums).view(-1, 1, each, row_count, wide)
            at_once = max(1, room // (len(own) * height * length))
            for begin in range(0, targets, at_once):
                some = slice(begin, min(targets, begin + at_once))
                scaled = of_output[of, some, :, rows] / sums.view(-1, 1, each, row_count, 1)
                count = scaled.shape[1]
                # The sums of each row of P dP; over the row's sum once more, as the weights are not divided by it.
                total = (scaled * output).sum(-1, keepdim=True)
                block = second_scratch.take(len(own), count * height, length)
                torch.bmm(scaled.reshape(len(own), -1, wide), across[of, :, span], out=block)
                block = block.view(len(own), count, height, length).mul_(weights[:, None])
                steep = block if slope is None else block * slope[:, None]
                pulled = torch.bmm(steep.view(len(own), -1, length), both[of, span, :size])
                level = total * sums.view(-1, 1, each, row_count, 1)
                pulled = pulled.view(-1, count, each, row_count, size) - level * mixed.view(
                    -1, 1, each, row_count, size
                )
                of_query[of, some, :, rows] = pulled
                if first < span.stop:
                    part = of_both[of, some, first - live : span.stop - live]
                    part[..., :size] += steep[..., alive].transpose(-1, -2) @ own.reshape(len(own), 1, height, size)
                    queries_less = (total * own[:, None]).neg_().reshape(len(own), count, height, size)
                    values = scaled.reshape(len(own), count, height, wide)
                    if slope is None:
                        part += _at_once(weights[..., alive], torch.cat([queries_less, values], -1))
                    else:
                        part[..., :size] += _at_once(pulling[..., alive], queries_less)
                        part[..., size:] += _at_once(weights[..., alive], values)
                if brought is not None and shares is not None:
                    share = shares[of, some, :, rows]
                    share = share.expand(-1, -1, each, -1).reshape(len(own), count, 1, height)
                    brought[of, some, span] += (share @ block.clamp_(min=0))[:, :, 0]
    of_query *= call.scaling
    split = (sequences, groups // sequences)
    back = of_query.view(*split, targets, each, queries, size).permute(2, 0, 1, 3, 4, 5)
    of_keys = of_both.view(*split, targets, keys - live, size + wide).permute(2, 0, 1, 3, 4)
    if brought is not None:
        brought = brought.view(*split, targets, keys).sum(1).transpose(0, 1) / (len(call.query) // sequences)
    return AttentionGradients(
        back.reshape(targets, sequences, -1, queries, size), of_keys[..., :size], of_keys[..., size:], brought
    )


def _at_once(
    weights: Float[Tensor, "groups row key"], given: Float[Tensor, "groups target row size"]
) -> Float[Tensor, "groups target key size"]:
    """weights^T given, of all targets in one product."""
    targets, size = given.shape[1], given.shape[3]
    beside = given.transpose(1, 2).reshape(len(given), given.shape[2], -1)
    made = torch.bmm(weights.transpose(1, 2), beside)
    return made.view(len(given), -1, targets, size).transpose(1, 2)
