"""One attention of one layer as plain tensors: its rows can be had without forming the whole matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..errors import NotShown
from .cancel import check_heard
from .precision import at_least_float32
from .reweighting import Reweighed

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
    reweighed: Reweighed | None = None,
) -> Float[Tensor, "heads row key"]:
    """softmax(scaling q.k), in at least float32 from the products on: half precision rounds large scores by more than
    their differences, or overflows. Heads that share keys are grouped, not repeated. A row that may see nothing
    has no weights: it is 0.

    `allowed` [row key] or [heads row key] is a mask as SDPA takes it: true where a key may be seen, or a number to
    add. Where `softcap` is given, scores are capped before the mask is applied: s -> c tanh(s / c). `sinks` are scores
    that belong to no key: what they take is missing from the row. `reweighed` raises capped scores before the mask and
    moves weights after the softmax.
    """
    heads, rows, size = query.shape
    query, key = at_least_float32(query), at_least_float32(key)
    scores = torch.bmm(query.reshape(key.shape[0], -1, size), key.transpose(1, 2)).view(heads, rows, -1) * scaling
    weights = softmax_of(scores, allowed, softcap, sinks, reweighed)
    nothing = None if allowed is None else without_keys(allowed)
    return weights if nothing is None else weights.masked_fill(nothing, 0)


def softmax_of(
    scores: Float[Tensor, "heads row key"],
    allowed: Tensor | None = None,
    softcap: float | None = None,
    sinks: Float[Tensor, "heads"] | None = None,
    reweighed: Reweighed | None = None,
) -> Float[Tensor, "heads row key"]:
    """The rows of scaled scores: see `softmax_rows`."""
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if reweighed is not None:
        scores = reweighed.raised(scores)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf")) if allowed.dtype == torch.bool else scores + allowed
    if sinks is None:
        weights = scores.softmax(-1)
    else:
        column = sinks.to(scores).view(-1, 1, 1).expand(-1, scores.shape[1], 1)
        weights = torch.cat([scores, column], -1).softmax(-1)[..., :-1]
    return weights if reweighed is None else reweighed.moved(weights)


def without_keys(allowed: Tensor) -> Bool[Tensor, "*row 1"] | None:
    """Which rows of a mask as SDPA takes it see nothing at all; None where each sees something. (A card, which would
    have to be waited for, is not asked whether some do not.)"""
    nothing = (~allowed if allowed.dtype == torch.bool else allowed == float("-inf")).all(-1, keepdim=True)
    return nothing if nothing.device.type != "cpu" or bool(nothing.any()) else None


def blocks(active: Bool[Tensor, "row"], at_once: int) -> Iterator[slice]:
    """Slices of at most so many rows, which hold all active ones. On a GPU, which would have to be waited for, all
    are."""
    first, end = 0, len(active)
    if active.device.type == "cpu":
        own = active.nonzero()
        first, end = (int(own[0]), int(own[-1]) + 1) if len(own) else (0, 0)
    for start in range(first, end, at_once):
        yield slice(start, min(end, start + at_once))


class Scratch:
    """Room for one block after the other: memory that is new each time takes longer to come by than to fill."""

    def __init__(self, like: Tensor) -> None:
        self._numbers = like.new_empty(0)

    def take(self, *shape: int) -> Tensor:
        """A tensor of this shape with anything in it, until the next is taken."""
        count = math.prod(shape)
        if count > len(self._numbers):
            self._numbers = self._numbers.new_empty(count)
        return self._numbers[:count].view(shape)


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One attention of one layer: what it was given, and its output in the layer's graph.

    `output` [query heads size] is what the heads hand to the output projection, part of the graph of the pass;
    query, key and value are detached, with position encoding applied. Query i stands at position `offset` + i and key
    j at `first_key` + j (0 but for a vision tower's windows). `mask` [1 or heads, query, key] is as SDPA takes it;
    where there is none, `causal` says whether a query sees only what does not stand after it. `layer` is the decoder's
    layer, numbered as its own. `sinks` are the heads' scores that belong to no key, in networks that have such.
    `reweighed` is what edits do to its rows.
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
    reweighed: Reweighed | None = None

    @cached_property
    def _exact_key(self) -> Float[Tensor, "key_value_heads key size"]:
        """The keys in at least float32, once for all blocks of rows."""
        return at_least_float32(self.key)

    def of_heads(self, heads: Sequence[int]) -> AttentionCall:
        """The same of some heads alone, each with keys and values of its own."""
        self._check_plain()
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
        if self.reweighed is not None:
            of, allowed = self.reweighed.of(index), self.allowed(index)
            scores = (self.query[:, index], self._exact_key, self.scaling, allowed, self.softcap, self.sinks)
            return softmax_rows(*scores, of)[..., keys]
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
        heads, groups = self.query.shape[0], len(self.key)
        query = (at_least_float32(self.query) * self.scaling).view(groups, -1, *self.query.shape[1:])
        total, scratch = weights.new_zeros(len(weights), self.key.shape[1]), Scratch(query)
        at_once = max(LEAST_ROWS, block_bytes(query.device) // (4 * heads * self.key.shape[1]))
        for block in blocks((weights != 0).any(0), at_once):
            check_heard()
            span, seen_by_all = self.sight(block)
            scores, sums, _ = self.exponentials(query[:, :, block], slice(0, groups), block, span, seen_by_all, scratch)
            shares = (weights[:, block] / (sums.view(heads, 1, -1) * heads)).to(scores.dtype)
            total[:, span] += torch.bmm(shares, scores.view(heads, block.stop - block.start, -1)).sum(0).to(total.dtype)
        return total

    def exponentials(
        self,
        query: Float[Tensor, "group head row size"],
        groups: slice,
        queries: slice,
        keys: slice,
        seen_by_all: int,
        scratch: Scratch,
    ) -> tuple[Float[Tensor, "group heads_rows key"], Float[Tensor, "group heads_rows 1"], Tensor | None]:
        """Rows of some groups of heads that share keys, before they are divided by their sums, and the sums. `query`,
        scaled, is that of `queries` in these groups; the first `seen_by_all` of `keys` are seen without any mask. They
        lie in `scratch`.

        Where scores are capped, also the slope of the cap at each of them; None otherwise.
        """
        self._check_plain()
        count, each, rows, size = query.shape
        key = self._exact_key[groups, keys]
        scores = scratch.take(count, each * rows, key.shape[1])
        torch.bmm(query.reshape(count, -1, size), key.transpose(1, 2), out=scores)
        slope = None
        if self.softcap is not None:
            share = scores.div_(self.softcap).tanh_()
            slope = 1 - share.square()
            scores = share.mul_(self.softcap)
        by_head = scores.view(count * each, rows, -1)
        index = torch.arange(queries.start, queries.stop, device=query.device)
        allowed = self.allowed(index, slice(keys.start + seen_by_all, keys.stop))
        if allowed is not None and allowed.shape[-1]:
            if len(allowed) > 1:
                allowed = allowed[groups.start * each : groups.stop * each]
            edge = by_head[..., seen_by_all:]
            edge.masked_fill_(~allowed, float("-inf")) if allowed.dtype == torch.bool else edge.add_(allowed)
        sinks = None
        if self.sinks is None and seen_by_all:
            # No row sees nothing.
            torch.softmax(by_head, -1, out=by_head)
            return scores, scores.new_ones(count, each * rows, 1), slope
        if self.sinks is not None:
            sinks = self.sinks[groups.start * each : groups.stop * each].to(scores).view(-1, 1, 1)
        highest = by_head.amax(-1, keepdim=True)
        if sinks is not None:
            highest = highest.maximum(sinks)
        # A row that may see nothing has no weights.
        highest = highest.clamp(min=torch.finfo(highest.dtype).min)
        sums = by_head.sub_(highest).exp_().sum(-1, keepdim=True)
        if sinks is not None:
            sums += (sinks - highest).exp()
        return scores, sums.masked_fill(sums == 0, 1).view(count, -1, 1), slope

    def _check_plain(self) -> None:
        """Raises NotShown where rows are weighed otherwise than by the softmax alone."""
        if self.reweighed is not None:
            raise NotShown("Attention that an edit weighs otherwise can be read, but not followed back.")

    def sight(self, queries: slice) -> tuple[slice, int]:
        """The `span` of these queries, and how many of its keys, from the first on, all of them see without any
        mask."""
        if self.mask is None:
            keys = self.key.shape[1]
            if not self.causal:
                return slice(0, keys), keys
            away = self.offset - self.first_key
            end = max(1, min(queries.stop + away, keys))
            return slice(0, end), max(0, min(queries.start + away + 1, end))
        firsts, ends, clear = self._sights[:, queries]
        seeing = ends > 0
        if not bool(seeing.any()):
            return slice(0, 1), 0
        first = int(firsts[seeing].min())
        same = bool((seeing & (firsts == first)).all())
        return slice(first, int(ends.max())), int(clear.min()) - first if same else 0

    @cached_property
    def _sights(self) -> Int[Tensor, "3 query"]:
        """For each query the first key that any head sees, where the last one ends (0 where none is seen), and up to
        where all heads see every key from the first on, on the CPU."""
        assert self.mask is not None
        numbers = torch.arange(1, self.mask.shape[-1] + 1, device=self.mask.device)
        if self.mask.dtype == torch.bool:
            seen, hidden = self.mask.any(0), ~self.mask.all(0)
        else:
            # What is added may be anything, so that nothing is known to be seen as it is.
            seen = (self.mask > torch.finfo(self.mask.dtype).min / 2).any(0)
            hidden = torch.ones_like(seen)
        first = seen.int().argmax(-1)
        after = hidden & (numbers > first[:, None])
        clear = torch.where(after.any(-1), after.int().argmax(-1), len(numbers))
        return torch.stack([first, (seen * numbers).amax(-1), clear]).cpu()

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
