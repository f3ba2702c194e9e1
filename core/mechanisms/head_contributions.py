"""Heads that write the word: what each adds to it, and the positions that the first of them take it from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ..answer import Answer, Target
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import token_targets_of
from .attribution import Attribution, attribute
from .base import Mechanism
from .contributions import Contributions, contribution_bytes, contribution_passes, contributions
from .logprob_increase import (
    head_increases,
    increase_bytes,
    increase_passes,
    source_increases,
    top_heads,
)
from .results import Curve, Curves, HeadValues, PositionValues, Result, Shape

INCREASE, ATTRIBUTION = "Log-probability increase", "Direct logit attribution"
MEANING = {
    INCREASE: "log p of the word with the head's contribution added to the state that enters its layer, less log p "
    "without, in nats; the final norm's scale is frozen at its last value (Yu and Ananiadou 2024). What later layers "
    "make of it is not in it: take heads away to test.",
    ATTRIBUTION: "the head's share of the word's logit, the final norm's scale frozen (Elhage et al. 2021). What a "
    "head does by changing what later layers add is counted with those.",
}
"""What each figure of a head means."""


@dataclass(frozen=True)
class HeadContributionsSettings:
    """How heads are scored, and how many of them are followed to where they take the word from."""

    by: str = choice(INCREASE, "Heads by", (INCREASE, ATTRIBUTION))
    first: int = number(
        5, "Map of the first heads", minimum=1, maximum=50, step=1, help="So many heads' maps are summed."
    )


class HeadContributions(Mechanism):
    """What every head adds to the word where it is predicted: as log-probability increase (Yu and Ananiadou 2024,
    "Neuron-Level Knowledge Attribution in Large Language Models", section 3.2) or as its share of the logit (direct
    logit attribution, Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"); and what the first of
    them take from every position alone.
    """

    key = "head_contributions"
    name = "Heads that write the word"
    caveat = (
        "What heads write straight into the prediction: what later layers make of it, and its origin, is not followed."
    )
    order = 10
    Settings = HeadContributionsSettings

    def estimate(self, model: VisionLanguageModel, answer: Answer, target: Target, settings: Any) -> int:
        tokens = len(target.tokens)
        vectors = tokens * max(len(answer.layout), model.card.heads)
        return contribution_bytes(model, answer, tokens) + increase_bytes(model, vectors)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: HeadContributionsSettings
    ) -> Passes:
        scored = contribution_passes(answer)
        return scored + increase_passes(model, answer, len(target.tokens), settings.first)

    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: HeadContributionsSettings,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        token_targets = token_targets_of(answer, target)
        written = contributions(model, answer, token_targets, cancel=cancel, progress=lambda done: progress(0.3 * done))
        by_head = head_scores(
            model, written, settings.by, cancel=cancel, progress=lambda done: progress(0.3 + 0.3 * done)
        )
        heads = top_heads(torch.from_numpy(by_head), settings.first)
        taken = source_increases(model, written, heads, cancel=cancel, progress=lambda done: progress(0.6 + 0.4 * done))
        shapes: list[Shape] = [
            HeadValues(settings.by, by_head, "nats" if settings.by == INCREASE else "logit"),
            PositionValues(
                f"Increase by what the first {len(heads)} heads take from each position alone",
                taken.mean(0).sum(0).numpy(),
            ),
        ]
        if settings.by == ATTRIBUTION:
            shapes.append(_by_layer(attribute(model, written)))
        return Result(tuple(shapes))


def head_scores(
    model: VisionLanguageModel,
    written: Contributions,
    by: str,
    *,
    cancel: CancelToken,
    progress: Callable[[float], None] = lambda done: None,
) -> Float[np.ndarray, "layers heads"]:
    """A figure for each head, the mean over the token targets: nats, or logits by attribution. Raises as both do."""
    if by == ATTRIBUTION:
        return attribute(model, written).heads.mean(0).numpy()
    return head_increases(model, written, cancel=cancel, progress=progress).mean(0).numpy()


def _by_layer(shares: Attribution) -> Curves:
    """The shares of heads and MLP of every layer."""
    heads, mlps = shares.heads.mean(0).sum(-1).numpy(), shares.mlps.mean(0).numpy()
    layers = range(len(mlps))
    curves = (Curve("heads", layers, heads), Curve("MLP", layers, mlps))
    return Curves("Share of the logit by layer", curves, "layer", "logit")
