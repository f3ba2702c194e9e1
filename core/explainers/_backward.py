"""Gradients of raw logits carried down a checkpointed pass, one layer's graph at a time, for several token targets at
once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotShown
from ..vlm.checkpoints import CheckpointedPass, LayerPass
from ..vlm.memory_costs import checkpoint_bytes, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget

FACTORS = (1.0, 2.0**-6, 2.0**-11)
"""By what gradients in float16 are made smaller, one after the other, where they overflow within a layer. What is lost
at the last is less than 1/4000 of the largest."""

OVERFLOWED = (
    "In float16 this model's gradients overflow, so there are none to be had. Load it in bfloat16 or float32 for them."
)

BORROWING = (
    "Layers of this model read the keys and values of other layers, so it cannot be computed again layer by layer from "
    "other embeddings."
)


def backward(
    model: VisionLanguageModel,
    answer: Answer,
    checkpoints: CheckpointedPass,
    token_targets: Sequence[TokenTarget],
    lowest: int = 0,
) -> Iterator[tuple[int, Float[Tensor, "target row hidden"]]]:
    """For each layer from the top down to `lowest`: d logit / d what went into it, one for each token target.

    The logit is the token's raw one, less the rival's for a contrast. Rows are those of
    `checkpoints`, of which the inputs of the layers gone through are needed, and nothing is changed."""
    gradients, scale = top_gradients(model, answer, checkpoints, token_targets)
    shared = SharedGradients()
    for layer in range(checkpoints.layers - 1, lowest - 1, -1):
        before = scale
        gradients, scale = rescaled(gradients, scale)
        shared.multiply(scale / before)
        with checkpoints.recompute(layer) as layer_pass:
            # One backward for each token target: batched gradients would hold a graph's states for each.
            pulled = [
                shared.pulled(layer_pass, gradient, number, retain_graph=True)
                for number, gradient in enumerate(gradients)
            ]
        gradients = torch.stack([own for (own,), _ in pulled])
        scale = changed(scale, [factor for _, factor in pulled])
        yield layer, gradients.float() / scale[:, None, None]


class SharedGradients:
    """Gradients with respect to what layers have borrowed from those below, until these are reached: of each token
    target, by its number."""

    def __init__(self) -> None:
        self._of: dict[Hashable, dict[int, Tensor]] = {}

    def multiply(self, factors: Float[Tensor, "target"]) -> None:
        """Bring them to another scale of each token target."""
        for of_target in self._of.values():
            for number, gradient in of_target.items():
                of_target[number] = gradient * factors[number].to(gradient)

    def pulled(
        self,
        layer_pass: LayerPass,
        gradient: Float[Tensor, "row hidden"],
        number: int,
        more: Sequence[Tensor] = (),
        *,
        retain_graph: bool,
    ) -> tuple[list[Tensor], float]:
        """The gradients of a token target with respect to a layer's input, and to `more` of its graph, from that of its
        output and of what it has lent; and by what its scale has changed (`finite_gradients`)."""
        of_lent = {name: of.pop(number) for name in layer_pass.lent if number in (of := self._of.get(name, {}))}
        outputs = [layer_pass.output, *(layer_pass.lent[name] for name in of_lent)]
        gradients = [gradient, *of_lent.values()]
        inputs = [layer_pass.input, *more]
        borrowed = layer_pass.borrowed
        got, factor = finite_gradients(
            outputs, [*inputs, *borrowed.values()], gradients, retain_graph=retain_graph, allow_unused=bool(borrowed)
        )
        if factor != 1:
            for of_target in self._of.values():
                if number in of_target:
                    of_target[number] = of_target[number] * factor
        for name, own in zip(borrowed, got[len(inputs) :], strict=True):
            if own is not None:
                of_target = self._of.setdefault(name, {})
                of_target[number] = of_target[number] + own if number in of_target else own
        return [own for own in got[: len(inputs)] if own is not None], factor


def finite_gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    gradients: Sequence[Tensor],
    *,
    retain_graph: bool,
    allow_unused: bool = False,
) -> tuple[tuple[Tensor | None, ...], float]:
    """Gradients with respect to `inputs`, times a factor that is returned with them: 1, but in half precision less
    where they would overflow on their way. Raises NotShown where they do in any case."""
    half = inputs[0].dtype == torch.float16
    for factor in FACTORS if half else FACTORS[:1]:
        given = [gradient * factor for gradient in gradients] if factor != 1 else list(gradients)
        got = torch.autograd.grad(outputs, inputs, given, retain_graph=retain_graph or half, allow_unused=allow_unused)
        if not half or bool(torch.stack([own.isfinite().all() for own in got if own is not None]).all()):
            return got, factor
    raise NotShown(OVERFLOWED, gradients=False)


def top_gradients(
    model: VisionLanguageModel, answer: Answer, checkpoints: CheckpointedPass, token_targets: Sequence[TokenTarget]
) -> tuple[Float[Tensor, "target row hidden"], Float[Tensor, "target"]]:
    """d logit / d what the last layer left, which is 0 but at the row that predicts the token, times a scale that is
    returned with it: half precision loses gradients below 6e-8."""
    rows = [token_target.position(answer) - checkpoints.start for token_target in token_targets]
    scale = 1024.0 if checkpoints.final.dtype == torch.float16 else 1.0
    with torch.enable_grad():
        states = checkpoints.final[rows].detach().requires_grad_(True)
        logits = model.unembed(states)
        wanted = [
            row[token_target.token] - (0 if token_target.rival is None else row[token_target.rival])
            for row, token_target in zip(logits, token_targets, strict=True)
        ]
        total = torch.stack(wanted).sum()
    (gradient,), factor = finite_gradients([total], [states], [total.new_tensor(scale)], retain_graph=False)
    assert gradient is not None
    gradients = torch.zeros(
        len(token_targets), *checkpoints.final.shape, dtype=checkpoints.final.dtype, device=checkpoints.final.device
    )
    gradients[torch.arange(len(token_targets)), rows] = gradient
    precision = torch.promote_types(gradients.dtype, torch.float32)
    return gradients, torch.full((len(token_targets),), scale * factor, dtype=precision, device=gradients.device)


def rescaled(
    gradients: Float[Tensor, "target *state"], scale: Float[Tensor, "target"], dtype: torch.dtype | None = None
) -> tuple[Float[Tensor, "target *state"], Float[Tensor, "target"]]:
    """Gradients in `dtype` (None: their own). In half precision, which overflows and underflows on the way down, each
    token target's largest number is brought back to about 1, and the scale with it."""
    dtype = dtype or gradients.dtype
    if dtype != torch.float16:
        return gradients.to(dtype), scale
    largest = gradients.abs().flatten(1).amax(1).float()
    factor = torch.where(largest > 0, torch.exp2(-largest.log2().round()), 1.0)
    return (gradients.float() * factor.view(-1, *[1] * (gradients.ndim - 1))).half(), scale * factor


def changed(scale: Float[Tensor, "target"], factors: Sequence[float]) -> Float[Tensor, "target"]:
    """The scales after these changes, which are 1 almost always."""
    return scale * scale.new_tensor(factors) if any(factor != 1 for factor in factors) else scale


def recompute_from(checkpoints: CheckpointedPass, embeddings: Float[Tensor, "row hidden"]) -> Iterator[int]:
    """Compute a whole checkpointed pass again from other embeddings: afterwards its inputs and its final states belong
    to these. Says after each layer which it was, so that the work can be stopped there. Raises NotShown for a network
    whose layers read keys and values of others."""
    checkpoints.inputs[0] = embeddings
    for layer in range(checkpoints.layers):
        with checkpoints.recompute(layer, grad=False) as layer_pass:
            if layer_pass.borrowed:
                raise NotShown(BORROWING)
            states = layer_pass.output
        if layer + 1 < checkpoints.layers:
            checkpoints.inputs[layer + 1] = states
        else:
            checkpoints.final = states
        yield layer


def full_length(scores: Float[Tensor, "target row"], answer: Answer) -> Float[Tensor, "target position"]:
    """Scores of a checkpointed pass's rows as scores of the whole sequence, on the CPU in float32."""
    whole = torch.zeros(len(scores), len(answer.layout))
    whole[:, : scores.shape[1]] = scores.detach().float().cpu()
    return whole


def backward_bytes(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """Bytes of a checkpointed pass, of one layer's graph and of the gradients of all token targets, once more as they
    are replaced."""
    row = len(answer.layout) * model.card.hidden
    graph = 2 * pass_bytes(model, answer)
    return checkpoint_bytes(model, answer) + graph + 3 * len(token_targets) * row * 4
