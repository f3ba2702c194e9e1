"""A tape: one gradient-free replay of an answer that keeps what went into each layer, to be played again layer by layer.

Everything that looks inside a network is a walk over a tape: relevancy and rollout push a row down it, Grad-CAM and
input gradients push a gradient down it, the logit lens reads it. A layer is played again from its stored input with
weights frozen, so at any time one layer's graph is alive and never the whole network's; attention matrices are never
formed whole, a `Tap` gives the rows asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Tap:
    """One attention of one layer: what it saw, and its output in the layer's graph.

    `output` [query heads size] is what the heads hand to the output projection, part of the graph of the pass;
    query, key and value are detached, with position encoding applied. `offset` is the position of the first query:
    queries are rows `offset`, `offset + 1`, ... and keys are all positions from 0. `causal` where no mask was needed.
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

    def rows(self, queries: Sequence[int] | Tensor) -> Float[Tensor, "heads query key"]:
        """The float32 softmax rows of some queries (indices into this tap's own rows)."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class LayerPass:
    """A layer played again: `input` requires a gradient and `output` depends on it through `taps`."""

    input: Float[Tensor, "position hidden"]
    output: Float[Tensor, "position hidden"]
    taps: tuple[Tap, ...]


class Tape(ABC):
    """The states between the layers. `start` is the first position of its rows (0 for a whole replay).

    `final` [position hidden] is what the last layer left, before the final norm; `inputs[i]` what went into layer i.
    """

    start: int
    layers: int
    final: Float[Tensor, "position hidden"]
    inputs: list[Float[Tensor, "position hidden"] | None]

    @abstractmethod
    def play(self, layer: int, *, grad: bool = True) -> AbstractContextManager[LayerPass]:
        """Layer `layer` again from its stored input. The graph lives within the `with` block alone."""

    def forget(self, layer: int) -> None:
        """Drop the stored input of a layer that will not be played again."""
        self.inputs[layer] = None
