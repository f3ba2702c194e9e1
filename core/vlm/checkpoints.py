"""A checkpointed pass: one gradient-free replay of an answer that keeps the input of every layer, so that any layer can
be recomputed from it (activation checkpointing, Chen et al. 2016, "Training deep nets with sublinear memory cost").

Everything that looks inside a network goes through such a pass layer by layer: relevancy and rollout push a row down
it, Grad-CAM and input gradients push a gradient down it, the logit lens reads its states. A layer is recomputed with
its weights frozen, so the graph of one layer is alive at any time and never the whole network's. Attention matrices
are never formed whole: an `AttentionCall` gives the rows asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from .attention_call import AttentionCall
from .attention_gradient import AttentionCut
from .decomposition import LayerDecomposition
from .edits import Edits, Site


@dataclass(frozen=True, eq=False)
class LayerPass:
    """A layer recomputed: `input` requires a gradient and `output` depends on it through `attention_calls`, and through
    `across_calls`, whose keys are no positions: their `first_key` is where the rows end. Its graph is cut at its
    attention (`cuts`, in their order; none without a graph).

    In a network whose layers read keys and values of others (Gemma 4), `borrowed` are those that stood ready for this
    layer, and `lent` those it left for later ones, by their names: a gradient with respect to what is borrowed is one
    of what an earlier layer lent.
    """

    input: Float[Tensor, "position hidden"]
    output: Float[Tensor, "position hidden"]
    attention_calls: tuple[AttentionCall, ...]
    borrowed: Mapping[Hashable, Tensor] = field(default_factory=dict)
    lent: Mapping[Hashable, Tensor] = field(default_factory=dict)
    across_calls: tuple[AttentionCall, ...] = ()
    cuts: tuple[AttentionCut, ...] = ()
    mlp: Tensor | None = None


class CheckpointedPass(ABC):
    """The states between the layers.

    `start` is the position of the first row (0 for a whole replay). A replay reads every token but the last, from which
    nothing is predicted, so there are `len(layout) - 1 - start` rows (or the prompt's for an empty answer).
    `final` [row hidden] is what the last layer left, before the final norm; `inputs[i]` is what went into layer i, None
    once it was freed.
    """

    start: int
    layers: int
    final: Float[Tensor, "row hidden"]
    inputs: list[Float[Tensor, "row hidden"] | None]

    @abstractmethod
    def recompute(self, layer: int, *, grad: bool = True) -> AbstractContextManager[LayerPass]:
        """Layer `layer` again from its stored input, its weights frozen. With `grad` False no graph is kept.

        What is given is emptied after the `with` block, so that no graph outlives it. A layer whose attention cannot be
        seen has no attention calls. Raises ValueError for a layer that was freed.
        """

    def free(self, layer: int) -> None:
        """Drop the stored input of a layer that will not be recomputed again."""
        self.inputs[layer] = None


class DecoderPass(CheckpointedPass):
    """A checkpointed pass of the decoder, whose layers can be read inside, and which can be run on under edits."""

    @property
    @abstractmethod
    def chained(self) -> bool:
        """Whether each layer was given just what the one before it left: not so in a network that adds visual features
        between its layers (Qwen3-VL's deepstack)."""

    @property
    @abstractmethod
    def divides(self) -> bool:
        """Whether `run` is known to compute only the rows from the first one on that edits touch."""

    @abstractmethod
    def attention(self, layer: int) -> AttentionCall | None:
        """What a layer's attention was given, from its stored input and without computing what follows (`output` is
        NaN): the one attention call of `recompute`, or None where that has none. Raises ValueError for a layer that was
        freed."""

    @abstractmethod
    def states(self, layer: int, site: Site) -> Float[Tensor, "row hidden"]:
        """The states at a site of a layer. Those inside and after it are recomputed from its stored input.

        Raises ValueError for a layer that was freed, and NotApplicable where the layer has no such part.
        """

    @abstractmethod
    def heads_given(
        self, layer: int, states: Float[Tensor, "batch row hidden"], *, grad: bool = False
    ) -> Float[Tensor, "batch row heads size"]:
        """What the heads of a layer hand to its output projection where other states enter it than the stored ones, for
        one or several sequences of them; with `grad` in a graph that begins at `states`.

        Raises NotShown for a layer whose attention cannot be seen, or that reads keys of others.
        """

    @abstractmethod
    def left_without_heads(
        self, layer: int, states: Float[Tensor, "row hidden"], *, grad: bool = False
    ) -> Float[Tensor, "row hidden"]:
        """What a layer leaves of these states where its heads hand on nothing: in a layer whose MLP reads what its
        attention was added to, the states and what the MLP makes of them."""

    @abstractmethod
    def parts(self, layer: int, rows: Sequence[int]) -> LayerDecomposition:
        """What a layer adds to the residual stream at some rows of this pass, taken apart (`decomposition.py`).

        Raises NotApplicable for a layer that cannot be taken apart, ValueError for one that was freed.
        """

    @abstractmethod
    def run(self, edits: Sequence[Edits], first: int = 0) -> Float[Tensor, "edits row hidden"]:
        """What the last layer leaves of the rows from `first` on under each set of edits, in one batch that starts at
        the first layer they touch.

        Raises ValueError for edits before the first row of this pass, and what `states` raises.
        """
