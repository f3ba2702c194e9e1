"""Gradients of raw logits, or of log-probabilities, carried down a checkpointed pass, one layer's graph at a time, for
several token targets at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from .checkpoints import CheckpointedPass, LayerPass
from .layer_gradient import (
    STATES_INSIDE,
    TOGETHER_BYTES,
    Pulled,
    Shares,
    at_once,
    finite,
    gradients_of,
    pull,
)
from .memory_costs import checkpoint_bytes, decoder_pass_bytes
from .model import VisionLanguageModel
from .precision import at_least_float32
from .targets import TokenTarget

Read = Callable[[VisionLanguageModel, Tensor, Sequence[TokenTarget]], Tensor]
"""Makes of the states that predict some token targets a figure for each."""


def backward(
    model: VisionLanguageModel,
    answer: Answer,
    checkpoints: CheckpointedPass,
    token_targets: Sequence[TokenTarget],
    lowest: int = 0,
    again: Callable[[int], AbstractContextManager[LayerPass]] | None = None,
) -> Iterator[tuple[int, Float[Tensor, "target row hidden"]]]:
    """For each layer from the top down to `lowest`: d logit / d what went into it, one for each token target.

    The logit is the token's raw one, less the rival's for a contrast. Rows are those of
    `checkpoints`, of which the inputs of the layers gone through are needed, and nothing is changed. `again` gives a
    layer with its graph (None: computed again)."""
    again = again or checkpoints.recompute
    gradients, scale = top_gradients(model, answer, checkpoints, token_targets)
    shared = SharedGradients()
    for layer in range(checkpoints.layers - 1, lowest - 1, -1):
        before = scale
        gradients, scale = rescaled(gradients, scale)
        shared.multiply(scale / before)
        with again(layer) as layer_pass:
            for some in in_parts(layer_pass.input, len(gradients)):
                pulled, factors = shared.pulled(layer_pass, gradients, some)
                gradients[some], scale[some] = own_of(pulled), scale[some] * factors
        yield layer, gradients.float() / scale[:, None, None]


def in_parts(state: Float[Tensor, "row hidden"], token_targets: int) -> Iterator[slice]:
    """The token targets whose gradients go through a layer with this input together."""
    size = at_once(state)
    for start in range(0, token_targets, size):
        yield slice(start, min(start + size, token_targets))


def own_of(pulled: Pulled) -> Float[Tensor, "target row hidden"]:
    """The gradients of a layer's input among those that were pulled through it."""
    own = pulled.gradients[0]
    assert own is not None
    return own


class SharedGradients:
    """Gradients with respect to what layers have borrowed from those below, until these are reached [target ...]."""

    def __init__(self) -> None:
        self._of: dict[Hashable, Tensor] = {}

    def multiply(self, factors: Float[Tensor, "target"], some: slice = slice(None)) -> None:
        """Bring those of some token targets to another scale."""
        for gradients in self._of.values():
            gradients[some] *= factors.to(gradients).view(-1, *[1] * (gradients.ndim - 1))

    def pulled(
        self,
        layer_pass: LayerPass,
        gradients: Float[Tensor, "target row hidden"],
        some: slice,
        shares: Callable[[Float[Tensor, "target"]], Shares] | None = None,
        inside: Sequence[Tensor] = (),
    ) -> tuple[Pulled, Float[Tensor, "target"]]:
        """The gradients of some token targets with respect to a layer's input, and then to what is named `inside` it,
        from those of its output and of what it has lent; and by what their scale has changed (`finite`), which `shares`
        is told.

        To be called for all token targets, part by part."""
        names = [name for name in layer_pass.lent if name in self._of]
        outputs = [layer_pass.output, *(layer_pass.lent[name] for name in names)]
        given = [gradients[some], *(self._of[name][some] for name in names)]
        inputs = [layer_pass.input, *inside, *layer_pass.borrowed.values()]

        def compute(factors: Float[Tensor, "target"]) -> Pulled:
            scaled = [own * factors.to(own).view(-1, *[1] * (own.ndim - 1)) for own in given]
            return pull(layer_pass, outputs, inputs, scaled, None if shares is None else shares(factors))

        pulled, factors = finite(compute, len(given[0]), given[0])
        if some.stop == len(gradients):
            for name in names:
                del self._of[name]
        if gradients.dtype == torch.float16:
            self.multiply(factors, some)
        for name, own in zip(layer_pass.borrowed, pulled.gradients[1 + len(inside) :], strict=True):
            if own is not None:
                if name not in self._of:
                    self._of[name] = own.new_zeros(len(gradients), *own.shape[1:])
                self._of[name][some] += own
        return pulled, factors


def top_gradients(
    model: VisionLanguageModel,
    answer: Answer,
    checkpoints: CheckpointedPass,
    token_targets: Sequence[TokenTarget],
    read: Read | None = None,
) -> tuple[Float[Tensor, "target row hidden"], Float[Tensor, "target"]]:
    """d logit / d what the last layer left, which is 0 but at the row that predicts the token, times a scale that is
    returned with it: half precision loses gradients below 6e-8. `read` says what stands in the logit's place."""
    rows = [token_target.position(answer) - checkpoints.start for token_target in token_targets]
    gradient, scale = read_gradients(model, checkpoints.final[rows], token_targets, read)
    gradients = torch.zeros(
        len(token_targets), *checkpoints.final.shape, dtype=checkpoints.final.dtype, device=checkpoints.final.device
    )
    gradients[torch.arange(len(token_targets)), rows] = gradient
    return gradients, scale


def read_gradients(
    model: VisionLanguageModel,
    states: Float[Tensor, "target hidden"],
    token_targets: Sequence[TokenTarget],
    read: Read | None = None,
) -> tuple[Float[Tensor, "target hidden"], Float[Tensor, "target"]]:
    """d logit / d the state that it is read from, for each token target its own, times a scale that is returned with
    it."""
    scale = 1024.0 if states.dtype == torch.float16 else 1.0
    with torch.enable_grad():
        states = states.detach().requires_grad_(True)
        total = (read or target_logits)(model, states, token_targets).sum()
    scaled = total.new_tensor([scale])
    pulled, factor = finite(
        lambda factors: Pulled(gradients_of([total], [states], [scaled * factors.to(scaled)])), 1, states
    )
    gradient = own_of(pulled)[0]
    precision = torch.promote_types(gradient.dtype, torch.float32)
    return gradient, (scale * factor.to(precision)).repeat(len(token_targets))


def target_logits(
    model: VisionLanguageModel, states: Float[Tensor, "target hidden"], token_targets: Sequence[TokenTarget]
) -> Float[Tensor, "target"]:
    """The raw logit of each token target, less the rival's for a contrast, from the state that predicts it."""
    wanted = [
        row[token_target.token] - (0 if token_target.rival is None else row[token_target.rival])
        for row, token_target in zip(model.unembed(states), token_targets, strict=True)
    ]
    return torch.stack(wanted)


def target_log_odds(
    model: VisionLanguageModel, states: Float[Tensor, "target hidden"], token_targets: Sequence[TokenTarget]
) -> Float[Tensor, "target"]:
    """The log-probability (nats) of each token target, less the rival's for a contrast, from the state that predicts
    it."""
    wanted = []
    for row, token_target in zip(model.unembed(states), token_targets, strict=True):
        logprobs = at_least_float32(row).log_softmax(-1)
        wanted.append(
            logprobs[token_target.token] - (0 if token_target.rival is None else logprobs[token_target.rival])
        )
    return torch.stack(wanted)


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


def full_length(scores: Float[Tensor, "target row"], answer: Answer) -> Float[Tensor, "target position"]:
    """Scores of a checkpointed pass's rows as scores of the whole sequence, on the CPU in float32."""
    whole = torch.zeros(len(scores), len(answer.layout))
    whole[:, : scores.shape[1]] = scores.detach().float().cpu()
    return whole


def backward_bytes(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """Bytes of a checkpointed pass, of one layer's graph and of the gradients of all token targets, once more as they
    are replaced."""
    row = len(answer.layout) * model.card.hidden
    state = row * model.card.number_bytes
    inside = min(len(token_targets), max(1, TOGETHER_BYTES // (STATES_INSIDE * state))) * STATES_INSIDE * state
    graph = 2 * decoder_pass_bytes(model, answer) + inside
    return checkpoint_bytes(model, answer) + graph + 3 * len(token_targets) * row * 4
