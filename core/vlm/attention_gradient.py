"""The backward pass of attention, for several gradients at once, in blocks of rows.

With P the softmax of scores S = q k, and O = P V: dP = dO V, dS = P (dP - dO O), dq = dS k, dk = dS q, dV = P dO. What
depends on no gradient, P and O, is formed once for all of them; no block leaves a processor's cache before it is
done with, and on the way Chefer's rule finds P dP, the gradient of a weight times the weight, ready made. Where nothing
is asked of the weights, SDPA's own backward pass may be quicker (`fused_gradient`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from .attention_call import AttentionCall, Scratch, block_bytes, blocks
from .cancel import check_heard
from .fused_gradient import fused_gradients, is_quicker
from .precision import at_least_float32

LEAST_ROWS, MOST_ROWS, GPU_MOST_ROWS = 16, 128, 512
"""Rows of a block. Causal attention spares what many short blocks do not see."""


@dataclass(frozen=True, eq=False)
class AttentionCut:
    """Where the graph of a recomputed layer is cut: `output` is a leaf, and the gradients of `query`, `key` and `value`
    are to be had from its own (`attention_gradients`).

    `calls` are the attention's, one for each sequence of the batch; `counted` says whether they are the layer's
    attention as it can be seen. The calls' keys before `live` are constants, and `key` and `value` may be without them.
    Cuts of the same `module` do not depend on each other; a later one of another may depend on an earlier one.
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
    if shares is None and is_quicker(call, gradient):
        return _fused(call, sequences, gradient, live)
    backward = _Backward(call, sequences, gradient, shares, live)
    backward.run()
    return backward.gradients()


def _fused(
    call: AttentionCall, sequences: int, gradient: Float[Tensor, "target sequence query heads value_size"], live: int
) -> AttentionGradients:
    by_head = gradient.transpose(2, 3).flatten(1, 2)
    query, key, value = (made.unflatten(1, (sequences, -1)) for made in fused_gradients(call, by_head))
    return AttentionGradients(query, key[..., live:, :], value[..., live:, :], None)


class _Backward:
    """The backward pass of one attention, as a stack of `sequences` calls. Heads that share keys are a group; gradients
    are [group target ...] until they are handed over."""

    def __init__(
        self,
        call: AttentionCall,
        sequences: int,
        gradient: Float[Tensor, "target sequence query heads value_size"],
        shares: Float[Tensor, "target sequence query"] | None,
        live: int,
    ) -> None:
        groups, keys, size = call.key.shape
        targets, _, queries, _, wide = gradient.shape
        self.call, self.live, self.targets = call, live, targets
        self.each = len(call.query) // groups
        self.split = (sequences, groups // sequences)
        self.query = (at_least_float32(call.query) * call.scaling).view(groups, self.each, queries, size)
        self.key, self.value = at_least_float32(call.key), at_least_float32(call.value)
        self.across = self.value.transpose(1, 2).contiguous()
        of_output = gradient.to(self.query.dtype).view(targets, sequences, queries, self.split[1], self.each, wide)
        self.of_output = of_output.permute(1, 3, 0, 4, 2, 5).reshape(groups, targets, self.each, queries, wide)
        self.of_query = self.query.new_zeros(groups, targets, self.each, queries, size)
        # Of keys and, after them, values: both come from one product.
        self.of_both = self.query.new_zeros(groups, targets, keys - live, size + wide)
        self.shares: Tensor | None = None
        self.brought: Tensor | None = None
        if shares is not None:
            self.shares = shares.to(self.query.dtype).transpose(0, 1).repeat_interleave(self.split[1], 0)
            self.brought = self.query.new_zeros(groups, targets, keys)
        self.room = block_bytes(self.query.device) // self.query.element_size()
        self.weights_scratch, self.scratch = Scratch(self.query), Scratch(self.query)

    def run(self) -> None:
        """Go through all rows that a gradient reaches."""
        active = (self.of_output != 0).any(-1).any(2).any(1).any(0)
        most = MOST_ROWS if self.query.device.type == "cpu" else GPU_MOST_ROWS
        fitting = self.room // (self.each * self.key.shape[1])
        for rows in blocks(active, min(most, max(LEAST_ROWS, fitting))):
            check_heard()
            self._of_rows(rows)

    def _of_rows(self, rows: slice) -> None:
        """Add what a block of rows brings."""
        span, seen_by_all = self.call.sight(rows)
        numbers = self.each * (rows.stop - rows.start) * (span.stop - span.start)
        # Of few heads the weights, which are the same for all gradients, stay at hand beside a block.
        together, at_once = max(1, self.room // (numbers * self.targets)), max(1, self.room // numbers)
        for of in _slices(len(self.key), together):
            query = self.query[of, :, rows]
            weights, sums, slope = self.call.exponentials(query, of, rows, span, seen_by_all, self.weights_scratch)
            block = _Block(of, rows, span, query, weights, sums, slope)
            output = block.by_head(torch.bmm(weights, self.value[of, span]) / sums)
            mixed = block.by_head(torch.bmm(block.pulling, self.key[of, span]))
            for some in _slices(self.targets, at_once):
                # Weights are not divided by the sums of their rows, so that gradients are.
                given = self.of_output[of, some, :, rows] / block.by_head(sums)
                # The sum of each row of P dP, over its sum once more.
                level = (given * output).sum(-1, keepdim=True)
                weighed = self._weighed(block, some, given)
                steep = weighed if block.slope is None else weighed * block.slope[:, None]
                pulled = torch.bmm(steep.flatten(1, 2), self.key[of, span]).view(*given.shape[:-1], -1)
                self.of_query[of, some, :, rows] = pulled - level * mixed
                self._to_keys(block, some, given, level, steep)
                self._bring(block, some, weighed)

    def _weighed(
        self, block: _Block, some: slice, given: Float[Tensor, "group target head row value_size"]
    ) -> Float[Tensor, "group target heads_rows key"]:
        """P dP, which lies in this pass's scratch."""
        groups, height, length = block.weights.shape
        targets = given.shape[1]
        made = self.scratch.take(groups, targets * height, length)
        torch.bmm(given.reshape(groups, -1, given.shape[-1]), self.across[block.of, :, block.span], out=made)
        return made.view(groups, targets, height, length).mul_(block.weights[:, None])

    def _bring(self, block: _Block, some: slice, weighed: Float[Tensor, "group target heads_rows key"]) -> None:
        """Add what P dP brings to the keys. It is gone afterwards."""
        if self.brought is None or self.shares is None:
            return
        groups, targets, height, _ = weighed.shape
        share = self.shares[block.of, some, None, block.rows].expand(-1, -1, self.each, -1)
        brought = share.reshape(groups, targets, 1, height) @ weighed.clamp_(min=0)
        self.brought[block.of, some, block.span] += brought[:, :, 0]

    def _to_keys(
        self,
        block: _Block,
        some: slice,
        given: Float[Tensor, "group target head row value_size"],
        level: Float[Tensor, "group target head row 1"],
        steep: Float[Tensor, "group target heads_rows key"],
    ) -> None:
        """Add the gradients of keys and values."""
        first = max(block.span.start, self.live)
        if first >= block.span.stop:
            return
        alive = slice(first - block.span.start, None)
        total = self.of_both[block.of, some, first - self.live : block.span.stop - self.live]
        of_key, of_value = total.split([self.key.shape[-1], self.value.shape[-1]], -1)
        of_key += steep[..., alive].transpose(-1, -2) @ block.query.flatten(1, 2)[:, None]
        level_off, values = (level * -block.query[:, None]).flatten(2, 3), given.flatten(2, 3)
        if block.slope is None:
            total += _at_once(block.weights[..., alive], torch.cat([level_off, values], -1))
        else:
            of_key += _at_once(block.pulling[..., alive], level_off)
            of_value += _at_once(block.weights[..., alive], values)

    def gradients(self) -> AttentionGradients:
        """What was gathered, for each sequence."""
        targets, (sequences, own) = self.targets, self.split
        _, _, each, queries, size = self.of_query.shape
        of_query = (self.of_query * self.call.scaling).view(sequences, own, targets, each, queries, size)
        of_query = of_query.permute(2, 0, 1, 3, 4, 5).reshape(targets, sequences, -1, queries, size)
        of_both = self.of_both.view(sequences, own, *self.of_both.shape[1:]).permute(2, 0, 1, 3, 4)
        brought = self.brought
        if brought is not None:
            by_sequence = brought.view(sequences, own, targets, -1).sum(1)
            brought = by_sequence.transpose(0, 1) / (own * each)
        return AttentionGradients(of_query, of_both[..., :size], of_both[..., size:], brought)


@dataclass(frozen=True, eq=False)
class _Block:
    """Rows of some groups of heads, which see nothing outside `span`: exponentials of their scores, the sums of these,
    and the slope of the cap at each score where scores are capped."""

    of: slice
    rows: slice
    span: slice
    query: Float[Tensor, "group head row size"]
    weights: Float[Tensor, "group heads_rows key"]
    sums: Float[Tensor, "group heads_rows 1"]
    slope: Float[Tensor, "group heads_rows key"] | None

    @cached_property
    def pulling(self) -> Float[Tensor, "group heads_rows key"]:
        """How far the row's level pulls each score."""
        return self.weights if self.slope is None else self.weights * self.slope

    def by_head(self, states: Float[Tensor, "group heads_rows size"]) -> Float[Tensor, "group 1 head row size"]:
        """The same for all targets, head by head."""
        return states.view(len(states), 1, *self.query.shape[1:3], -1)


def _slices(length: int, size: int) -> Iterator[slice]:
    """So many things, at most `size` at a time."""
    for start in range(0, length, size):
        yield slice(start, min(length, start + size))


def _at_once(
    weights: Float[Tensor, "groups row key"], given: Float[Tensor, "groups target row size"]
) -> Float[Tensor, "groups target key size"]:
    """weights^T given, of all targets in one product."""
    targets, size = given.shape[1], given.shape[3]
    beside = given.transpose(1, 2).reshape(len(given), given.shape[2], -1)
    made = torch.bmm(weights.transpose(1, 2), beside)
    return made.view(len(given), -1, targets, size).transpose(1, 2)
