"""One attention of one layer as plain tensors: its rows can be had without forming the whole matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .precision import at_least_float32

BLOCK_BYTES, GPU_BLOCK_BYTES = 2 * 2**20, 256 * 2**20
"""Size of a block of rows on a CPU, which is to stay in its cache, and on a GPU, which is to be busy with it."""

LEAST_ROWS = 8


def block_bytes(device: torch.device) -> int:
    """The size of a block of rows on a device."""
    return BLOCK_BYTES if device.type == "cpu" else GPU_BLOCK_BYTES


def softmax_rows(
    query: Float[Tensor, "heads row size"],
    key: Float[Tensor, "key_value_heads key size"],
    scaling: float,
    allowed: Tensor | None = None,
    softcap: float | None = None,
    sinks: Float[Tensor, "heads"] | None = None,
) -> Float[Tensor, "heads row key"]:
    """softmax(scaling q.k), in at least float32 from the products on: half precision rounds large scores by more than
    their differences, or overflows. Heads that share keys are grouped, not repeated. A row that may see nothing
    has no weights: it is 0.

    `allowed` [row key] or [heads row key] is a mask as SDPA takes it: true where a key may be seen, or a number to
    add. Where `softcap` is given, scores are capped before the mask is applied: s -> c tanh(s / c). `sinks` are scores
    that belong to no key: what they take is missing from the row.
    """
    heads, rows, size = query.shape
    query, key = at_least_float32(query), at_least_float32(key)
    scores = torch.bmm(query.reshape(key.shape[0], -1, size), key.transpose(1, 2)).view(heads, rows, -1) * scaling
    weights = softmax_of(scores, allowed, softcap, sinks)
    nothing = None if allowed is None else without_keys(allowed)
    return weights if nothing is None else weights.masked_fill(nothing, 0)


def softmax_of(
    scores: Float[Tensor, "heads row key"],
    allowed: Tensor | None = None,
    softcap: float | None = None,
    sinks: Float[Tensor, "heads"] | None = None,
) -> Float[Tensor, "heads row key"]:
    """The rows of scaled scores: see `softmax_rows`."""
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf")) if allowed.dtype == torch.bool else scores + allowed
    if sinks is None:
        return scores.softmax(-1)
    column = sinks.to(scores).view(-1, 1, 1).expand(-1, scores.shape[1], 1)
    return torch.cat([scores, column], -1).softmax(-1)[..., :-1]


def without_keys(allowed: Tensor) -> Bool[Tensor, "*row 1"] | None:
    """Which rows of a mask as SDPA takes it see nothing at all; None where each sees something."""
    nothing = (~allowed if allowed.dtype == torch.bool else allowed == float("-inf")).all(-1, keepdim=True)
    return nothing if bool(nothing.any()) else None


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One attention of one layer: what it was given, and its output in the layer's graph.

    `output` [query heads size] is what the heads hand to the output projection, part of the graph of the pass;
    query, key and value are detached, with position encoding applied. Query i stands at position `offset` + i and key
    j at `first_key` + j (0 but for a vision tower's windows). `mask` [1 or heads, query, key] is as SDPA takes it;
    where there is none, `causal` says whether a query sees only what does not stand after it. `layer` is the decoder's
    layer, numbered as its own. `sinks` are the heads' scores that belong to no key, in networks that have such.
    """

    query: Float[Tensor, "heads query size"]
    key: Float[Tensor, "key_value_heads key size"]
    value: Float[Tensor, "key_value_heads key value_size"]
    output: Float[Tensor, "query heads value_size"]
    mask: Tensor | None
    causal: bool
    scaling: float
    softcap: float | None
    offset: int
    first_key: int = 0
    layer: int = 0
    sinks: Float[Tensor, "heads"] | None = None

    @cached_property
    def _exact_key(self) -> Float[Tensor, "key_value_heads key size"]:
        """The keys in at least float32, once for all blocks of rows."""
        return at_least_float32(self.key)

    def of_heads(self, heads: Sequence[int]) -> AttentionCall:
        """The same of some heads alone, each with keys and values of its own."""
        own = list(heads)
        groups = [head * len(self.key) // len(self.query) for head in own]
        return replace(
            self,
            query=self.query[own],
            key=self.key[groups],
            value=self.value[groups],
            output=self.output[:, own],
            mask=self.mask if self.mask is None or len(self.mask) == 1 else self.mask[own],
            sinks=None if self.sinks is None else self.sinks[own],
        )

    def rows(
        self, queries: Sequence[int] | Int[Tensor, "row"], keys: slice = slice(None)
    ) -> Float[Tensor, "heads row key"]:
        """The softmax rows of some queries (counted from this call's first), in at least float32.

        `keys` computes only a part of the columns; it must cover the queries' `span`.
        """
        index = torch.as_tensor(queries, device=self.query.device)
        allowed = self.allowed(index, keys)
        return softmax_rows(
            self.query[:, index], self._exact_key[:, keys], self.scaling, allowed, self.softcap, self.sinks
        )

    def whole_rows(
        self, positions: Sequence[int] | Int[Tensor, "row"], length: int
    ) -> Float[Tensor, "heads row position"]:
        """The rows of some positions over a whole sequence of so many; NaN at those that are no queries of this
        call."""
        queries = torch.as_tensor(positions, device=self.query.device) - self.offset
        own = (queries >= 0) & (queries < self.query.shape[1])
        if self.key.shape[1] == length and bool(own.all()):
            return self.rows(queries)
        rows = self.rows(queries[own])
        rows = torch.nn.functional.pad(rows, (self.first_key, length - self.first_key - rows.shape[-1]))
        whole = rows.new_full((len(rows), len(queries), length), float("nan"))
        whole[:, own] = rows
        return whole

    def mixed(self, weights: Float[Tensor, "target query"]) -> Float[Tensor, "target key"]:
        """weights @ the mean over heads of this attention, of which no more than a block of rows ever exists. Rows are
        divided by their sums after they were added up."""
        heads = len(self.query)
        query, key = at_least_float32(self.query) * self.scaling, self._exact_key
        total = weights.new_zeros(len(weights), key.shape[1])
        active = (weights != 0).any(0).nonzero()[:, 0]
        for block in active.split(max(LEAST_ROWS, block_bytes(query.device) // (4 * heads * key.shape[1]))):
            span = self.span(block)
            seen_by_all = self._seen_by_all(block, span)
            rows = query[:, block].reshape(len(key), -1, query.shape[-1])
            scores = torch.bmm(rows, key[:, span].transpose(1, 2)).view(heads, len(block), -1)
            if self.softcap is not None:
                scores = scores.div_(self.softcap).tanh_().mul_(self.softcap)
            allowed = self.allowed(block, slice(span.start + seen_by_all, span.stop))
            if allowed is not None:
                edge = scores[..., seen_by_all:]
                edge.masked_fill_(~allowed, float("-inf")) if allowed.dtype == torch.bool else edge.add_(allowed)
            highest = scores.amax(-1, keepdim=True)
            if self.sinks is not None:
                highest = highest.maximum(self.sinks.to(highest).view(-1, 1, 1))
            # A row that may see nothing has no weights.
            highest = highest.clamp(min=torch.finfo(highest.dtype).min)
            sums = scores.sub_(highest).exp_().sum(-1)
            if self.sinks is not None:
                sums += (self.sinks.to(highest).view(-1, 1, 1) - highest).exp()[..., 0]
            shares = weights[:, block] / (sums.clamp(min=torch.finfo(sums.dtype).tiny) * heads)[:, None]
            total[:, span] += torch.bmm(shares.to(scores.dtype), scores).sum(0).to(total.dtype)
        return total

    def _seen_by_all(self, queries: Int[Tensor, "row"], keys: slice) -> int:
        """How many of these keys, from their first on, all queries see without any mask."""
        if self.mask is not None:
            return 0
        if not self.causal:
            return keys.stop - keys.start
        return min(int(queries.min()) + self.offset - self.first_key + 1, keys.stop) - keys.start

    def allowed(self, queries: Int[Tensor, "row"], keys: slice = slice(None)) -> Tensor | None:
        """The mask of some rows [1 or heads, row, key]; None where everything may be seen."""
        if self.mask is not None:
            return self.mask[:, queries][..., keys]
        if not self.causal:
            return None
        columns = torch.arange(self.key.shape[1], device=queries.device)[keys] + self.first_key
        causal: Bool[Tensor, "1 row key"] = (columns <= (queries + self.offset)[:, None])[None]
        return causal

    def span(self, queries: Int[Tensor, "row"]) -> slice:
        """The smallest range of keys outside of which these queries see nothing."""
        if self.mask is not None:
            mask = self.mask[:, queries]
            seen = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
            columns = seen.any(0).any(0).cpu().nonzero()
            if not len(columns):
                return slice(0, 1)
            return slice(int(columns[0]), int(columns[-1]) + 1)
        end = int(queries.max()) + self.offset - self.first_key + 1 if self.causal else self.key.shape[1]
        return slice(0, end)
