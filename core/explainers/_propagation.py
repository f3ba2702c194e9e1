"""Relevancy propagation by Chefer's rule, as a row vector: targets' relevancy and gradient are carried down a
checkpointed pass together, one layer at a time.

Generic self-attention rule of Chefer, Gur and Wolf (2021), "Generic Attention-model Explainability for Interpreting
Bi-Modal and Encoder-Decoder Transformers", ICCV, equations 5 and 6:

    Abar_l = mean over heads of relu(dy/dA_l * A_l),   R <- R + Abar_l R   from the first layer to the last.

One target needs one row of R only, r = e (I + Abar_L) ... (I + Abar_1). Read from the left, that is a row pushed
through the layers from the top down, which is the way the backward pass goes: each layer is recomputed, its gradient
taken, the row pushed, and its graph freed. The gradient of a head's weights is an outer product of what the
backward pass has at hand, dy/dA[i, j] = dy/dO[i] . V[j] (O the head's output), so Abar is formed in blocks of rows for
all targets at once and no n x n matrix ever exists.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..vlm.attention_call import AttentionCall
from ..vlm.checkpoints import CheckpointedPass
from ..vlm.precision import at_least_float32
from ._backward import SharedGradients, changed, rescaled

BLOCK_BYTES = 4 * 2**20
"""Size of a block of dy/dA on a CPU: about a core's share of cache."""

GPU_BLOCK_BYTES = 256 * 2**20
"""The same on a GPU: enough to be busy with."""

LEAST_ROWS = 16


def block_bytes(device: str) -> int:
    """The size of a block on a kind of device."""
    return BLOCK_BYTES if device == "cpu" else GPU_BLOCK_BYTES


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

    def down(self, layer: int) -> Iterator[None]:
        """Push relevancy and gradient through `layer`, with a pause after each target's backward pass."""
        scale = self.scale
        self.gradient, self.scale = rescaled(self.gradient, scale)
        self._shared.multiply(self.scale / scale)
        token_targets = len(self.gradient)
        with self.checkpoints.recompute(layer) as layer_pass:
            calls = (*layer_pass.attention_calls, *layer_pass.across_calls)
            outputs = [call.output for call in calls]
            by_output = [
                torch.empty(token_targets, *output.shape, dtype=output.dtype, device=output.device)
                for output in outputs
            ]
            factors: list[float] = []
            for token_target in range(token_targets):
                gradients, factor = self._shared.pulled(
                    layer_pass,
                    self.gradient[token_target],
                    token_target,
                    outputs,
                    retain_graph=token_target < token_targets - 1,
                )
                for total, gradient in zip((self.gradient, *by_output), gradients, strict=True):
                    total[token_target] = gradient
                factors.append(factor)
                yield
            self.scale = changed(self.scale, factors)
            self.gradient[:, : self._constant] = 0
            before, after = self.relevancy, self.relevancy.clone()
            # Of all rows at once: a tower may have hundreds of windows, and each question makes a device wait.
            there = (before != 0).any(0).cpu()
            for call, of_output in zip(calls, by_output, strict=True):
                self.attended = True
                share = before[:, call.offset : call.offset + of_output.shape[1]] / self.scale[:, None]
                share[:, : max(0, self._first - call.offset)] = 0
                active = there[call.offset : call.offset + of_output.shape[1]].nonzero()[:, 0]
                active = active[active >= self._constant].to(share.device)
                after[:, call.first_key : call.first_key + call.key.shape[1]] += propagated(
                    call, of_output, share, active
                )
            self.relevancy = after


def propagated(
    call: AttentionCall,
    gradient: Float[Tensor, "target query heads size"],
    share: Float[Tensor, "target query"],
    active: Int[Tensor, "row"],
) -> Float[Tensor, "target key"]:
    """share . mean over heads of relu(dy/dA * A), in blocks of rows: what the queries' shares bring to each key. Only
    `active` queries have one.

    `gradient` is dy/dO. A row's share is at least 0 and so is A, so the share goes into the gradient before relu is
    taken and A is multiplied after it.
    """
    token_targets, _, heads, size = gradient.shape
    value = at_least_float32(call.value).transpose(1, 2)
    groups, keys = value.shape[0], value.shape[2]
    brought = torch.zeros(token_targets, keys, dtype=value.dtype, device=value.device)
    room = block_bytes(value.device.type) // (token_targets * keys * value.dtype.itemsize)
    length = max(LEAST_ROWS, room // heads)
    # Many targets leave no room for all heads at once.
    share_groups = max(1, room // (length * (heads // groups)))
    for rows in active.split(length) if len(active) else ():
        span = call.span(rows)
        attention = call.rows(rows, span).view(groups, -1, 1, len(rows), span.stop - span.start)
        weighted = (at_least_float32(gradient[:, rows]) * share[:, rows, None, None]).permute(2, 0, 1, 3)
        by_group = weighted.reshape(groups, -1, size)
        ones = attention.new_ones(1, len(rows))
        for first in range(0, groups, share_groups):
            part = slice(first, first + share_groups)
            block = torch.bmm(by_group[part], value[part, :, span])
            block = block.view(len(block), -1, token_targets, len(rows), block.shape[-1])
            block.clamp_(min=0).mul_(attention[part])
            # A product with ones sums over the rows several times faster than a reduction.
            brought[:, span] += (ones @ block).sum((0, 1))[:, 0]
    return brought / heads
