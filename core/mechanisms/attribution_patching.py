"""Every head, MLP and state at once: attribution patching as a lens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..answer import Answer, Target
from ..quantities import nats
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import token_targets_of
from .base import Mechanism
from .causal_tracing import BLANK, BLURRED, NOISE, SCALE_HELP, WORDS, corruption_of
from .groups import Group, groups
from .patch_effects import PatchEffects, effect_bytes, of_positions, patch_effects, patch_passes
from .results import HeadValues, LayerValues, PositionValues, Result, Shape

STEPS_HELP = (
    "At 0 the gradient is that of the corrupted run itself, in which a trace restores, too: measured on the embedded "
    "model it ranks heads most nearly as a trace does. With steps it is taken at the middles of so many parts of the "
    "way to the clean run, and averaged (EAP-IG)."
)


@dataclass(frozen=True)
class AttributionPatchingSettings:
    """How the run is corrupted, and where the gradient is taken."""

    corrupt: str = choice(
        NOISE, "Corrupt by", (NOISE, WORDS, BLANK, BLURRED), help="A question without a picture has noise on its words."
    )
    scale: float = number(3.0, "Noise (standard deviations)", minimum=0.1, maximum=20.0, step=0.5, help=SCALE_HELP)
    samples: int = number(
        1, "Samples", minimum=1, maximum=50, step=1, help="Runs, each with noise of its own and a gradient of its own."
    )
    steps: int = number(0, "Steps on the way", minimum=0, maximum=50, step=1, help=STEPS_HELP)


class AttributionPatching(Mechanism):
    """Attribution patching (Nanda 2023; Syed, Rager and Conmy 2023; with steps on the way Hanna, Pezzelle and Belinkov
    2024): what putting each part's clean activation back into a corrupted run would give of the target's
    log-probability, estimated for every head, every MLP and every state at once by one gradient.
    """

    key = "attribution_patching"
    name = "Patch all at once"
    caveat = (
        "An estimate to first order: where a part saturates, or acts only together with others, it can be far from "
        "what a trace finds. Compare the first of them."
    )
    order = 48
    cheaper = "Fewer steps and samples take proportionally less time."
    Settings = AttributionPatchingSettings

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: AttributionPatchingSettings
    ) -> int:
        return effect_bytes(model, answer, token_targets_of(answer, target))

    def passes(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: AttributionPatchingSettings
    ) -> Passes:
        corruption = corruption_of(answer, settings.corrupt, settings.scale, settings.samples)
        return patch_passes(model, answer, corruption, settings.steps)

    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: AttributionPatchingSettings,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        corruption = corruption_of(answer, settings.corrupt, settings.scale, settings.samples)
        effects = patch_effects(model, answer, target, corruption, settings.steps, cancel=cancel, progress=progress)
        return Result(shapes_of(effects, answer), remark_of(effects))


def shapes_of(effects: PatchEffects, answer: Answer) -> tuple[Shape, ...]:
    """The figures of all heads, of the groups of tokens by layer with the MLPs beside them, and of what enters the
    first layer at each position."""
    shapes: list[Shape] = [HeadValues("Estimated effect of each head", effects.heads)]
    layers = range(len(effects.mlps))
    there = np.isfinite(effects.mlps)
    if there.any():
        every = Group("every position", tuple(range(len(answer.layout))))
        own = [layer for layer in layers if there[layer]]
        shapes.append(LayerValues("Estimated effect of each MLP", effects.mlps[own][:, None], own, (every,)))
    places = _places(answer, effects.target)
    table = np.stack([of_positions(effects, place.positions) for place in places], 1)
    states = range(len(table))
    shapes.append(LayerValues("Estimated effect of the states that enter a layer", table, states, places))
    shapes.append(PositionValues("Estimated effect of what the first layer reads", effects.residual[0], testable=True))
    return tuple(shapes)


def remark_of(effects: PatchEffects) -> str:
    """The total effect and what finding all the others took, in two sentences."""
    return (
        f"The corruption takes {nats(effects.total)} of the target; all effects together took {effects.passes:.1f} "
        "forward passes."
    )


def _places(answer: Answer, target: Target) -> Sequence[Group]:
    return [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
