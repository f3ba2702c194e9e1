"""The backward pass through one recomputed layer, of several gradients at once.

The layer's graph is cut at its attention: a gradient goes from the layer's output to what the heads hand on, through
the attention by `attention_gradients`, which does for all gradients at once what is the same for each, and from
queries, keys and values on to what went into the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import NotShown
from .attention_call import AttentionCall
from .attention_gradient import AttentionCut, attention_gradients
from .checkpoints import LayerPass

FACTORS = (1.0, 2.0**-6, 2.0**-11)
"""By what gradients in float16 are made smaller, one after the other, where they overflow within a layer. What is lost
at the last is less than 1/4000 of the largest."""

OVERFLOWED = (
    "In float16 this model's gradients overflow, so there are none to be had. Load it in bfloat16 or float32 for them."
)

TOGETHER_BYTES = 64 * 2**20
"""About what the gradients inside a layer take that are computed at once."""

STATES_INSIDE = 16
"""A gradient takes about this many times the layer's input inside it."""

Shares = Callable[[AttentionCall], Float[Tensor, "target query"]]


@dataclass(frozen=True, eq=False)
class Pulled:
    """Gradients with respect to some inputs [target ...], None for those that nothing depends on; and what each
    attention that can be seen brought to its keys (`AttentionGradients.brought`)."""

    gradients: Sequence[Tensor | None]
    brought: Sequence[tuple[AttentionCall, Float[Tensor, "target key"]]] = ()

    def finite(self) -> Tensor:
        """Of which targets all numbers are finite [target]."""
        tensors = [*self.gradients, *(brought for _, brought in self.brought)]
        return torch.stack([own.isfinite().flatten(1).all(1) for own in tensors if own is not None]).all(0)


def at_once(state: Tensor) -> int:
    """How many gradients are pulled through a layer at once whose input takes so much."""
    return max(1, TOGETHER_BYTES // (STATES_INSIDE * state.nbytes))


def pull(
    layer_pass: LayerPass,
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    given: Sequence[Float[Tensor, "target *state"]],
    shares: Shares | None = None,
) -> Pulled:
    """The gradients with respect to `inputs` from those that are `given` of `outputs`, within a layer's graph. With
    `shares`, those of an attention call's queries, also what they bring to its keys."""
    cuts, brought = layer_pass.cuts, list[tuple[AttentionCall, Tensor]]()
    wanted = [*inputs, *(cut.output for cut in cuts)]
    totals = gradients_of(outputs, wanted, given)
    end = len(wanted)
    for _, same in groupby(reversed(cuts), key=lambda cut: id(cut.module)):
        stage = list(same)[::-1]
        end -= len(stage)
        sources: list[Tensor] = []
        made: list[Tensor] = []
        for own, gradients in alike(stage, totals[end:]):
            calls = [call for cut in own for call in cut.calls]
            share = None
            if shares is not None and own[0].counted:
                share = torch.stack([shares(call) for call in calls], 1)
            got = attention_gradients(calls, torch.cat(gradients, 1).to(calls[0].query.device), share, own[0].live)
            if got.brought is not None:
                brought += zip(calls, got.brought.unbind(1), strict=True)
            batches = [len(cut.calls) for cut in own]
            for part, of_all in (("query", got.query), ("key", got.key), ("value", got.value)):
                for cut, gradient in zip(own, of_all.split(batches, 1), strict=True):
                    source: Tensor = getattr(cut, part)
                    if source.requires_grad:
                        sources.append(source)
                        made.append(_padded(gradient.to(source), source.shape[2]))
        if sources:
            del totals[end:]
            for index, more in enumerate(gradients_of(sources, wanted[:end], made)):
                before = totals[index]
                if more is not None:
                    totals[index] = more if before is None else before + more
    return Pulled(totals[: len(inputs)], brought)


def _padded(
    gradient: Float[Tensor, "target batch head live_row size"], rows: int
) -> Float[Tensor, "target batch head row size"]:
    """With zeros for the constants before it, where there are any."""
    constant = rows - gradient.shape[3]
    return torch.nn.functional.pad(gradient, (0, 0, constant, 0)) if constant else gradient


def alike(
    stage: Sequence[AttentionCut], gradients: Sequence[Tensor | None]
) -> list[tuple[list[AttentionCut], list[Tensor]]]:
    """Cuts that can be gone through together, with the gradients of their outputs: those of one shape without masks,
    as the windows of a tower. Those whose outputs nothing depends on are left out."""
    together: dict[object, tuple[list[AttentionCut], list[Tensor]]] = {}
    for index, (cut, gradient) in enumerate(zip(stage, gradients, strict=True)):
        if gradient is None:
            continue
        free = all(call.mask is None for call in cut.calls)
        shapes = tuple(getattr(cut, part).shape[1:] for part in ("query", "key", "value"))
        cuts, own = together.setdefault((shapes, cut.counted) if free else index, ([], []))
        cuts.append(cut)
        own.append(gradient)
    return list(together.values())


NO_BATCH = ("vmap", "functorch", "atching rule", "BatchedTensor")
"""What PyTorch says of an operation whose backward pass takes one gradient at a time."""


def gradients_of(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], given: Sequence[Float[Tensor, "target *state"]]
) -> list[Tensor | None]:
    """torch.autograd.grad for several gradients of each output, in one backward pass where the network's operations can
    be gone through so. Raises what the backward pass raises."""
    if len(given[0]) > 1:
        try:
            return list(
                torch.autograd.grad(outputs, inputs, given, retain_graph=True, allow_unused=True, is_grads_batched=True)
            )
        except RuntimeError as error:
            if not any(said in str(error) for said in NO_BATCH):
                raise
    each = [
        torch.autograd.grad(outputs, inputs, own, retain_graph=True, allow_unused=True)
        for own in zip(*given, strict=True)
    ]
    return [None if parts[0] is None else torch.stack(parts) for parts in zip(*each, strict=True)]


def finite(
    compute: Callable[[Float[Tensor, "target"]], Pulled], targets: int, like: Tensor
) -> tuple[Pulled, Float[Tensor, "target"]]:
    """What is computed of gradients times a factor for each target, and these factors: 1, but in half precision less
    where gradients would overflow on their way. Raises NotShown where they do in any case."""
    factors = torch.ones(targets, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
    if like.dtype != torch.float16:
        return compute(factors), factors
    level = torch.zeros_like(factors, dtype=torch.long)
    while True:
        pulled = compute(factors)
        ended = pulled.finite()
        if bool(ended.all()):
            return pulled, factors
        level += ~ended
        if int(level.max()) == len(FACTORS):
            raise NotShown(OVERFLOWED, gradients=False)
        factors = factors.new_tensor(FACTORS)[level]
