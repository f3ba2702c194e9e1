"""Attribution patching: about what every part of the network gives back of a target, all of them at once.

Causal tracing (`tracing.py`) runs the network again for each state that it puts back. To first order that is not
needed: where a corrupted run has the activation a' and the clean run a, putting a in its place changes the target by
about

    (a - a') . d target / d a',

and one backward pass has the gradient for all places (Nanda 2023, "Attribution Patching"; Syed, Rager and Conmy 2023,
"Attribution Patching Outperforms Automated Circuit Discovery"). A gradient at one end misjudges what saturates, so it
may be taken in the middle between the two runs, or at several places on the way from the corrupted embeddings to the
clean ones and averaged (Hanna, Pezzelle and Belinkov 2024, "Have Faith in Faithfulness", section 3, EAP-IG): here at
the midpoints of `steps` equal parts.

The parts are the heads (what each hands to the output projection, at all positions), the MLPs (likewise), and the
residual stream as it enters each layer, and as it leaves the last, at each position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..perturb.outcomes import OutcomeReader
from ..perturb.until import until_target
from ..vlm.backward import SharedGradients, backward_bytes, in_parts, rescaled, target_log_odds, top_gradients
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Site, StatePatch
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, checkpoint_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from ..vlm.targets import TokenTarget
from .corruption import Corruption, Noise, corrupted, first_corrupted, samples_of

REMEDY = "Choose an earlier word of the answer, or use a smaller picture."


@dataclass(frozen=True, eq=False)
class PatchEffects:
    """About what each part's clean activation would give back of a target in the corrupted run, in nats of its
    log-probability (of log-odds against a rival), on average over the samples of the corruption.

    `heads` are NaN in layers without attention, `mlps` where no part of a layer is known to be one. `residual[l]` is of
    the states that enter layer l at each position of the sequence, `residual[layers]` of what the last layer leaves; 0
    where the corruption reaches nothing. `passes` is what it took, in forward passes.
    """

    target: Target
    corruption: Corruption
    steps: int
    clean_logprob: float
    corrupted_logprob: Float[np.ndarray, "sample"]
    heads: Float[np.ndarray, "layers heads"]
    mlps: Float[np.ndarray, "layers"]
    residual: Float[np.ndarray, "layers_and_end position"]
    passes: float

    @property
    def total(self) -> float:
        """What the corruption took away, on average over its samples (nats)."""
        return self.clean_logprob - float(self.corrupted_logprob.mean())


@dataclass(frozen=True, eq=False)
class _Inside:
    """What heads and MLP of one layer handed on, or the gradient with respect to that; None where it has none."""

    state: Float[Tensor, "row hidden"]
    heads: Float[Tensor, "row heads size"] | None
    mlp: Float[Tensor, "row hidden"] | None


@stoppable
@with_what_is_left
def patch_effects(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    corruption: Corruption,
    steps: int = 0,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> PatchEffects:
    """Estimate what every head, MLP and residual state gives back. With `steps` 0 the gradient is that of the corrupted
    run itself.

    Raises Cancelled, OtherModel; NotApplicable for a target or corruption that does not fit, and for steps on the way
    in a network that adds features of the picture between its layers; NotEnoughMemory; NotShown in float16 where
    gradients overflow.
    """
    length = len(answer.layout)
    answer, token_targets = until_target(model, answer, target)
    check_memory("Attribution patching", effect_bytes(model, answer, token_targets), model, REMEDY)
    start = min(first_corrupted(answer, corruption), len(answer.prompt_tokens) - 1)
    told = patch_passes(model, answer, corruption, steps).count
    clean = model.checkpointed(answer, start)
    if steps and not clean.chained:
        raise NotApplicable(
            "This model adds features of the picture after its first layers, too, so there is no run between the "
            "corrupted and the clean one. Choose 0 steps: the gradient of the corrupted run itself."
        )
    samples, layers = samples_of(corruption), clean.layers
    heard = _Heard(cancel, progress, (1 + samples * (1 + max(1, steps))) * layers)
    of_clean = [_values(clean, layer, heard) for layer in range(layers)]
    healthy = OutcomeReader(model, answer, token_targets, clean).undisturbed().logprob
    hurt: list[float] = []
    # (gathered where the states lie, so that nobody waits for a card at every layer)
    empty = torch.zeros((), dtype=torch.float64, device=clean.final.device)
    heads, mlps = empty.new_zeros(layers, model.card.heads), empty.new_zeros(layers)
    residual = empty.new_zeros(layers + 1, length)
    for broken in corrupted(model, answer, corruption, clean):
        hurt.append(OutcomeReader(model, answer, token_targets, broken).undisturbed().logprob)
        of_broken = [_values(broken, layer, heard) for layer in range(layers)]
        rows = slice(broken.start, broken.start + len(broken.final))
        for point in on_the_way(model, answer, clean, broken, steps):
            weight = 1 / (samples * max(1, steps))
            top = top_gradient(model, answer, point, token_targets)
            residual[layers, rows] += weight * _products(clean.final - broken.final, top[0] / top[1])
            for layer, gradient in _down(point, top, heard):
                one, other = of_clean[layer], of_broken[layer]
                residual[layer, rows] += weight * _products(one.state - other.state, gradient.state)
                heads[layer] += weight * _of_heads(one.heads, other.heads, gradient.heads)
                mlps[layer] += weight * _of_mlp(one.mlp, other.mlp, gradient.mlp)
    return PatchEffects(
        target=target,
        corruption=corruption,
        steps=steps,
        clean_logprob=healthy,
        corrupted_logprob=np.array(hurt),
        heads=heads.cpu().numpy(),
        mlps=mlps.cpu().numpy(),
        residual=residual.cpu().numpy(),
        passes=told,
    )


class _Heard:
    """Counts what is done, tells it, and looks whether somebody has stopped it."""

    def __init__(self, cancel: CancelToken | None, progress: Callable[[float], None], total: int) -> None:
        self._cancel, self._progress, self._total, self._done = cancel, progress, total, 0

    def step(self) -> None:
        if self._cancel is not None:
            self._cancel.check()
        self._done += 1
        self._progress(min(1.0, self._done / self._total))


def _values(checkpoints: DecoderPass, layer: int, heard: _Heard) -> _Inside:
    """What the parts of a layer hand on in a pass."""
    with checkpoints.recompute(layer, grad=False) as passed:
        heads = passed.attention_calls[0].output if len(passed.attention_calls) == 1 else None
        inside = _Inside(passed.input, heads, _as_rows(passed.mlp, passed.input))
    heard.step()
    return inside


def _as_rows(states: Tensor | None, like: Float[Tensor, "row hidden"]) -> Float[Tensor, "row hidden"] | None:
    """States of one sequence in whatever shape, row by row; None where they are not one for each row."""
    if states is None or states.numel() != like.numel():
        return None
    return states.detach().reshape(like.shape).to(like.device)


def on_the_way(
    model: VisionLanguageModel, answer: Answer, clean: DecoderPass, broken: DecoderPass, steps: int
) -> Iterator[DecoderPass]:
    """The passes at which gradients are taken: the corrupted one for 0 steps, and otherwise those at the middles of so
    many parts of the way from its embeddings to the clean ones."""
    if not steps:
        yield broken
        return
    first, last = broken.states(0, Site.INPUT), clean.states(0, Site.INPUT)
    positions = tuple(range(clean.start, clean.start + len(first)))
    for step in range(steps):
        share = (step + 0.5) / steps
        with model.edited((StatePatch(Site.INPUT, 0, positions, first + share * (last - first)),)):
            between = model.checkpointed(answer, clean.start)
        yield between


def top_gradient(
    model: VisionLanguageModel, answer: Answer, point: DecoderPass, token_targets: Sequence[TokenTarget]
) -> tuple[Float[Tensor, "row hidden"], Float[Tensor, "1"]]:
    """The gradient of the summed log-probabilities with respect to what the last layer left, and its scale."""
    gradients, scale = top_gradients(model, answer, point, token_targets, target_log_odds)
    return gradients.sum(0), scale[:1]


def _down(
    point: DecoderPass, top: tuple[Float[Tensor, "row hidden"], Float[Tensor, "1"]], heard: _Heard
) -> Iterator[tuple[int, _Inside]]:
    """The gradients with respect to a layer's input, its heads and its MLP, from the top layer down."""
    gradients, scale = top[0][None], top[1]
    shared = SharedGradients()
    for layer in range(point.layers - 1, -1, -1):
        before = scale
        gradients, scale = rescaled(gradients, scale)
        shared.multiply(scale / before)
        with point.recompute(layer) as passed:
            # (what the graph is cut at, and not what edits or a view of it have made of that)
            counted = [cut.output for cut in passed.cuts if cut.counted]
            heads = counted[0] if len(counted) == 1 and len(passed.attention_calls) == 1 else None
            inside = [part for part in (heads, passed.mlp) if part is not None]
            (some,) = in_parts(passed.input, 1)
            pulled, factors = shared.pulled(passed, gradients, some, inside=inside)
            own, *within = pulled.gradients[: 1 + len(inside)]
            assert own is not None
            gradients, scale = own, scale * factors
            # (nothing may depend on a part)
            both = zip(inside, within, strict=True)
            made = [torch.zeros_like(part)[None] if each is None else each for part, each in both]
            # (a layer may lie on another device than the states)
            made = [each.to(scale.device) for each in made]
            of_mlp = None if passed.mlp is None else _as_rows(made[-1] / scale, passed.input)
            of_heads = None if heads is None else made[0][0, 0] / scale
            yield layer, _Inside(gradients[0] / scale, of_heads, of_mlp)
        heard.step()


def _products(difference: Float[Tensor, "row hidden"], gradient: Float[Tensor, "row hidden"]) -> Float[Tensor, "row"]:
    return (difference.double() * gradient.double()).sum(-1)


def _of_heads(
    clean: Float[Tensor, "row heads size"] | None,
    broken: Float[Tensor, "row heads size"] | None,
    gradient: Float[Tensor, "row heads size"] | None,
) -> Float[Tensor, "heads"] | float:
    if clean is None or broken is None or gradient is None:
        return float("nan")
    return ((clean - broken).double() * gradient.double()).sum((0, 2))


def _of_mlp(clean: Tensor | None, broken: Tensor | None, gradient: Tensor | None) -> Float[Tensor, ""] | float:
    if clean is None or broken is None or gradient is None:
        return float("nan")
    return _products(clean - broken, gradient).sum()


def patch_passes(model: VisionLanguageModel, answer: Answer, corruption: Corruption, steps: int) -> Passes:
    """What `patch_effects` makes: the clean run and its layers once more; of each sample the same, and on the way a
    pass, its layers once more and the gradient through them."""
    run = Passes(forward=1) if isinstance(corruption, Noise) else over_images(1)
    point = Passes(forward=1 + bool(steps), backward=1)
    return Passes(forward=2) + samples_of(corruption) * (run + Passes(forward=1) + max(1, steps) * point)


def effect_bytes(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """Bytes of the clean run and the corrupted one, between their layers and inside them, and of one between."""
    return 6 * checkpoint_bytes(model, answer) + backward_bytes(model, answer, token_targets[:1])


def of_positions(effects: PatchEffects, positions: Sequence[int]) -> Float[np.ndarray, "layers_and_end"]:
    """The estimated effects of restoring some positions together: to first order the sum of theirs."""
    summed: Float[np.ndarray, "layers_and_end"] = effects.residual[:, list(positions)].sum(1)
    return summed
