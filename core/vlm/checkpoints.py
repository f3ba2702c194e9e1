"""A checkpointed pass: one gradient-free replay of an answer that keeps what went into each layer, to be played again
by layers.

Everything that looks inside a network is a walk over a checkpointed pass: relevancy and rollout push a row down it,
Grad-CAM and input gradients push a gradient down it, the logit lens reads it. A layer is recomputed from its stored
input with weights frozen, so at any time one layer's graph is alive and never the whole network's; attention matrices
are never formed whole, a `Tap` gives the rows asked for.

`recompute.py` makes checkpointed passes of `transformers` networks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .decomposition import LayerDecomposition
from .edits import Edits, Site
from .precision import at_least_float32


def softmax_rows(
    query: Float[Tensor, "heads row size"],
    key: Float[Tensor, "key_value_heads key size"],
    scaling: float,
    allowed: Tensor | None = None,
    softcap: float | None = None,
) -> Float[Tensor, "heads row key"]:
    """softmax(scaling q.k), in at least float32. Heads that share keys are grouped, not repeated.

    `allowed` [row key] or [heads row key] is a mask as SDPA takes it: true where a key may be seen, or a number to
    add. Scores are capped before it, s -> c tanh(s / c), where `softcap` is given.
    """
    heads, rows, size = query.shape
    scores = torch.bmm(query.reshape(key.shape[0], -1, size), key.transpose(1, 2)).view(heads, rows, -1)
    scores = at_least_float32(scores) * scaling
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf")) if allowed.dtype == torch.bool else scores + allowed
    return scores.softmax(-1)


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One attention of one layer: what it saw, and its output in the layer's graph.

    `output` [query heads size] is what the heads hand to the output projection, part of the graph of the pass;
    query, key and value are detached, with position encoding applied. Query i stands at position `offset` + i and key
    j at `first_key` + j (0 but for a vision tower's windows). `mask` [1 or heads, query, key] is as SDPA takes it;
    where there is none, `causal` says whether a query sees only what does not stand after it.
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

    def rows(
        self, queries: Sequence[int] | Int[Tensor, "row"], keys: slice = slice(None)
    ) -> Float[Tensor, "heads row key"]:
        """The softmax rows of some queries (indices into this attention call's own rows), in at least float32.

        `keys` computes only a part of the columns; it must cover the queries' `span`.
        """
        index = torch.as_tensor(queries, device=self.query.device)
        allowed = self.allowed(index, keys)
        return softmax_rows(self.query[:, index], self.key[:, keys], self.scaling, allowed, self.softcap)

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
            columns = seen.any(0).any(0).nonzero()
            return slice(int(columns[0]), int(columns[-1]) + 1)
        end = int(queries.max()) + self.offset - self.first_key + 1 if self.causal else self.key.shape[1]
        return slice(0, end)


@dataclass(frozen=True, eq=False)
class LayerPass:
    """A layer recomputed: `input` requires a gradient and `output` depends on it through `attention_calls`."""

    input: Float[Tensor, "position hidden"]
    output: Float[Tensor, "position hidden"]
    attention_calls: tuple[AttentionCall, ...]


class CheckpointedPass(ABC):
    """The states between the layers.

    `start` is the first position of its rows (0 for a whole replay); a replay reads every token but the last, which
    nothing is predicted from, so there are `len(layout) - 1 - start` rows (or the prompt's for an empty answer).
    `final` [row hidden] is what the last layer left, before the final norm; `inputs[i]` what went into layer i.
    """

    start: int
    layers: int
    final: Float[Tensor, "row hidden"]
    inputs: list[Float[Tensor, "row hidden"] | None]

    @abstractmethod
    def recompute(self, layer: int, *, grad: bool = True) -> AbstractContextManager[LayerPass]:
        """Layer `layer` again from its stored input, its weights frozen. With `grad` False no graph is kept.

        The pass and its attention calls are empty after the `with` block, so that no graph outlives it. Layers without
        an attention that can be seen have no attention calls. Raises ValueError for a layer that was freed."""

    def free(self, layer: int) -> None:
        """Drop the stored input of a layer that will not be played again."""
        self.inputs[layer] = None


class DecoderPass(CheckpointedPass):
    """A checkpointed pass of the decoder, which can be read inside its layers and run on under edits."""

    @property
    @abstractmethod
    def chained(self) -> bool:
        """Whether each layer was handed just what the one before it left. A network that adds visual features between
        its layers (Qwen3-VL's deepstack) is none such."""

    @abstractmethod
    def states(self, layer: int, site: Site) -> Float[Tensor, "row hidden"]:
        """The states at a site of a layer, those inside it computed again from what went into it.

        Raises ValueError for a layer that was freed, and NotApplicable where the layer has no such part.
        """

    @abstractmethod
    def parts(self, layer: int, rows: Sequence[int]) -> LayerDecomposition:
        """What a layer adds to the residual stream at some rows of this checkpointed pass, taken apart
        (`decomposition.py`).

        Raises NotApplicable for a layer that cannot be, ValueError for one that was freed.
        """

    @abstractmethod
    def run(self, edits: Sequence[Edits]) -> Float[Tensor, "edits row hidden"]:
        """What the last layer leaves under each set of edits, in one batch that starts at the first layer they touch.

        Raises ValueError for edits before the checkpointed pass's first row, and what `states` raises.
        """
