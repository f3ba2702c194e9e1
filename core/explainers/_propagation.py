"""Relevancy propagation by Chefer's rule, as a row vector: targets' relevancy and gradient are carried down a
checkpointed pass together, one layer at a time.

Generic self-attention rule of Chefer, Gur and Wolf (2021), "Generic Attention-model Explainability for Interpreting
Bi-Modal and Encoder-Decoder Transformers", ICCV, equations 5 and 6:

    Abar_l = mean over heads of relu(dy/dA_l * A_l),   R <- R + Abar_l R   from the first layer to the last.

One target needs one row of R only, r = e (I + Abar_L) ... (I + Abar_1). Read from the left, that is a row pushed
through the layers from the top down, which is the way the backward pass goes: each layer is recomputed, its gradient
taken, the row pushed, and its graph freed. The gradient of a head's weights is an outer product of what the
backward pass has at hand, dy/dA[i, j] = dy/dO[i] . V[j] (O the head's output), so Abar is formed in blocks of rows for
all targets at once, as their backward pass goes through them, and no n x n matrix ever exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaxtyping import Float
from torch import Tensor

from ..vlm.attention_call import AttentionCall
from ..vlm.backward import SharedGradients, in_parts, own_of, rescaled
from ..vlm.checkpoints import CheckpointedPass
from ..vlm.layer_gradient import Shares


class RelevancyPropagation:
    """Several targets' relevancy and gradient on their way down a checkpointed pass.

    `relevancy` is of all positions from 0, whether or not the pass has rows for them, and of the keys of
    cross-attention after them; `gradient` is of the states
    above the next layer, times `scale`. Rows before `first` are taken as constants: no relevancy passes
    through them. `attended` says whether any layer so far had an attention that could be seen."""

    def __init__(
        self,
        checkpoints: CheckpointedPass,
        relevancy: Float[Tensor, "target position"],
        gradient: Float[Tensor, "target row hidden"],
        scale: Float[Tensor, "target"],
        first: int = 0,
    ) -> None:
        self.checkpoints = checkpoints
        self.relevancy = relevancy
        self.gradient = gradient
        self.scale = scale
        self.attended = False
        self._shared = SharedGradients()
        self._first = first
        self._constant = max(0, first - checkpoints.start)

    def down(self, layer: int) -> Iterator[int]:
        """Push relevancy and gradient through `layer`, with a pause after each part of the targets:
        how many these are."""
        scale = self.scale
        self.gradient, self.scale = rescaled(self.gradient, scale)
        self._shared.multiply(self.scale / scale)
        with self.checkpoints.recompute(layer) as layer_pass:
            before, after = self.relevancy, self.relevancy.clone()
            for some in in_parts(layer_pass.input, len(self.gradient)):
                pulled, factors = self._shared.pulled(layer_pass, self.gradient, some, self._shares(before, some))
                self.gradient[some] = own_of(pulled)
                self.scale[some] *= factors
                for call, brought in pulled.brought:
                    self.attended = True
                    after[some, call.first_key : call.first_key + call.key.shape[1]] += brought
                yield len(factors)
            self.gradient[:, : self._constant] = 0
            self.relevancy = after

    def _shares(
        self, relevancy: Float[Tensor, "target position"], some: slice
    ) -> Callable[[Float[Tensor, "target"]], Shares]:
        """What of some targets' relevancy a call's queries have, once it is known by what gradients are scaled."""

        def scaled(factors: Float[Tensor, "target"]) -> Shares:
            scale = self.scale[some] * factors

            def of(call: AttentionCall) -> Float[Tensor, "target query"]:
                share = relevancy[some, call.offset : call.offset + call.query.shape[1]] / scale[:, None]
                share[:, : max(0, self._first - call.offset)] = 0
                return share

            return of

        return scaled
