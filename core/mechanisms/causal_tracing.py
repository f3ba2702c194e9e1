"""Trace: a corrupted run, repaired state by state."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Fill, RegionMask, Target, TokenKind
from ..errors import NotApplicable
from ..masking import Canvas, as_seen
from ..perturb.perturbation import OtherImages
from ..quantities import nats, probability
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.edits import Site
from ..vlm.memory_costs import checkpoint_bytes, edited_run_bytes, keys_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import token_targets_of
from .base import Mechanism
from .corruption import Corruption, Noise
from .costs import trace_passes
from .groups import Group, groups
from .results import LayerValues, Result, single_places
from .tracing import LOGPROB, MEASURES, Trace, trace

SITES: dict[str, Site] = {
    "the residual stream": Site.OUTPUT,
    "what attention adds": Site.ATTENTION,
    "what the MLP adds": Site.MLP,
}
"""What can be put back, by its name on screen."""
NOISE, WORDS, BLANK, BLURRED = "noise on the picture", "noise on words", "a blank picture", "the picture, blurred"
FILLS: dict[str, Fill] = {BLANK: "mean", BLURRED: "blur"}
GROUPS, EACH = "groups of tokens", "token by token"
SCALE_HELP = (
    "Gaussian, in units of the standard deviation of the embeddings it is laid on, a choice made here: Meng et al. "
    "(2022) take three of the embeddings of a corpus."
)
SAMPLES_HELP = "Runs, each with noise of its own. Five are a choice made here; Meng et al. (2022) take ten."
MOST_SINGLE = 24
"""Tokens restored one by one: the last ones before the target."""


@dataclass(frozen=True)
class CausalTracingSettings:
    """How the run is corrupted, and what of the clean one is put back."""

    corrupt: str = choice(
        NOISE, "Corrupt by", (NOISE, WORDS, BLANK, BLURRED), help="A question without a picture has noise on its words."
    )
    scale: float = number(
        3.0,
        "Noise (standard deviations)",
        minimum=0.1,
        maximum=20.0,
        step=0.5,
        help=SCALE_HELP,
    )
    samples: int = number(
        5,
        "Samples",
        minimum=1,
        maximum=50,
        step=1,
        help=SAMPLES_HELP,
    )
    restore: str = choice("the residual stream", "Restore", tuple(SITES))
    window: int = number(
        1,
        "Layers at once",
        minimum=1,
        maximum=256,
        step=1,
        help="States are restored in so many layers around each; in all, where the model has fewer. One layer of "
        "attention or MLP often does little alone.",
    )
    at: str = choice(GROUPS, "At", (GROUPS, EACH))
    effect: str = choice(
        LOGPROB,
        "Effects on the",
        tuple(MEASURES),
        help="Meng et al. (2022) take the probability. The log-probability is told of small probabilities, and of "
        "contrasts.",
    )


class CausalTracing(Mechanism):
    """Causal tracing, also called activation patching (Meng et al. 2022, "Locating and Editing Factual Associations in
    GPT", section 2; with noise on a picture's embeddings Palit et al. 2023): states of the clean run are put back into
    a corrupted one, at one layer and some positions, and what that gives back of the target's log-probability is their
    indirect effect; or, as in the paper, of its probability.
    """

    key = "causal_tracing"
    name = "Trace"
    caveat = (
        "An effect says that a state carries what was lost, not that it came to be there in that layer (Meng et al. "
        "2022)."
    )
    order = 50
    cheaper = "Fewer samples, or groups of tokens in place of each, take proportionally less time."
    Settings = CausalTracingSettings
    keeps_partial = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: CausalTracingSettings
    ) -> int:
        # The clean run beside the corrupted one, between its layers and, if need be, inside them; its keys and values.
        kept = 1 + (SITES[settings.restore] is not Site.OUTPUT)
        return kept * checkpoint_bytes(model, answer) + keys_bytes(model, answer) + edited_run_bytes(model, answer)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: CausalTracingSettings
    ) -> Passes:
        corruption, places = _corruption(answer, settings), _places(answer, target, settings.at)
        window = min(settings.window, model.card.layers)
        return trace_passes(model, answer, corruption, places, [SITES[settings.restore]], window)

    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: CausalTracingSettings,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        corruption = _corruption(answer, settings)
        places = _places(answer, target, settings.at)
        traced = trace(
            model,
            answer,
            target,
            corruption,
            places,
            [SITES[settings.restore]],
            min(settings.window, model.card.layers),
            cancel=cancel,
            progress=progress,
        )
        effects, spread = over_samples(traced.effects(settings.effect)[:, 0])
        shape = LayerValues(
            f"Effect of restoring {settings.restore} on the {settings.effect}",
            effects,
            traced.layers,
            places,
            MEASURES[settings.effect],
            spread=spread if traced.samples > 1 else None,
        )
        return Result((shape,), f"{total_effect(traced)}{not_reached(answer, traced)}", traced.complete)


def _corruption(answer: Answer, settings: CausalTracingSettings) -> Corruption:
    return corruption_of(answer, settings.corrupt, settings.scale, settings.samples)


def corruption_of(answer: Answer, corrupt: str, scale: float, samples: int) -> Corruption:
    """The corruption of a name; noise on the question's words where there is no picture to corrupt."""
    if corrupt in FILLS:
        fill = FILLS[corrupt]
        images = as_seen(answer.question)
        if not images:
            raise NotApplicable("This question has no picture to replace. Corrupt by noise on words.")
        whole = [np.ones((image.height, image.width), bool) for image in images]
        masks = [RegionMask(hidden, fill, number) for number, hidden in enumerate(whole)]
        return OtherImages(tuple(Canvas(images).painted(masks)))
    images_read = answer.layout.positions(TokenKind.IMAGE) if corrupt == NOISE else ()
    return Noise(images_read or answer.layout.question(), scale, samples)


def _places(answer: Answer, target: Target, at: str) -> list[Group]:
    """What is restored together: groups of tokens, those that predict the target last; or the image, the rest of the
    prompt, and each token of question and answer."""
    there = {group.name: group for group in groups(answer, token_targets_of(answer, target)) if group.positions}
    last = there.pop("last")
    if at == GROUPS:
        return [*there.values(), last]
    spoken = [place for name in ("question", "answer") if name in there for place in there[name].positions]
    whole = [there[name] for name in ("image", "prompt") if name in there]
    return [*whole, *single_places(answer, spoken[-MOST_SINGLE:]), last]


def over_samples(
    values: Float[np.ndarray, "sample *place"],
) -> tuple[Float[np.ndarray, "*place"], Float[np.ndarray, "*place"]]:
    """Mean and standard deviation over the samples that are there; NaN without one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values, 0), np.nanstd(values, 0)


def total_effect(traced: Trace) -> str:
    """The total effect of a trace's corruption, in a sentence."""
    before = traced.clean.probability
    after, differ = over_samples(traced.corrupted_probability)
    taken, spread = over_samples(traced.total)
    said = f"Probability {probability(before)} clean, {probability(float(after))}"
    points = f"{before - float(after):.4f} in probability"
    if traced.samples == 1:
        return f"{said} corrupted; total effect {nats(float(taken))} in log-probability, {points}."
    total = f"total effect {taken:.3f} ± {spread:.3f} nats in log-probability, {points}"
    return f"{said} ± {differ:.2%} corrupted; {total} (± one standard deviation over samples)."


def not_reached(answer: Answer, traced: Trace) -> str:
    """What noise on image tokens leaves whole, in a sentence; nothing where it reaches all that the picture gives."""
    images = answer.layout.positions(TokenKind.IMAGE)
    if traced.chained or not isinstance(traced.corruption, Noise) or not set(images) & set(traced.corruption.positions):
        return ""
    return (
        " This model adds features of the picture after its first layers, too, which noise on image tokens does not "
        "reach: the effects are of the rest. Another picture corrupts both."
    )
