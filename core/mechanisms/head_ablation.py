"""Take heads away: the first ones of a ranking, beside as many random ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..answer import Answer, Target
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.memory_costs import edited_run_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import token_targets_of
from .ablation import ablation_curves, head_means
from .base import Mechanism
from .contributions import contribution_bytes, contribution_passes, contributions
from .costs import ablation_passes
from .head_contributions import ATTRIBUTION, INCREASE, head_scores
from .logprob_increase import increase_bytes, increase_passes, top_heads
from .results import Curve, Curves, Result

NOTHING, MEAN = "nothing", "their mean"


@dataclass(frozen=True)
class HeadAblationSettings:
    """How heads are ranked, what stands in their place, and how often chance is drawn."""

    by: str = choice(INCREASE, "Heads by", (INCREASE, ATTRIBUTION))
    instead: str = choice(
        NOTHING,
        "Replaced by",
        (NOTHING, MEAN),
        help="Nothing: the head's output is zero. Its mean over the positions of this question and answer keeps what "
        "it always writes, and removes what it writes here.",
    )
    draws: int = number(5, "Random orders", minimum=1, maximum=50, step=1)


class HeadAblation(Mechanism):
    """Head ablation (Michel, Levy and Neubig 2019, "Are Sixteen Heads Really Better than One?"): the outputs of the
    first heads of a ranking are replaced at every position, by nothing or by their mean, and the target's
    log-probability is read again. The ranking is true as far as it falls faster than without as many random heads.
    """

    key = "head_ablation"
    name = "Take heads away"
    caveat = (
        "Without a head the model is in a state it was never trained for, and other heads may stand in for it: compare "
        "with random heads."
    )
    order = 40
    cheaper = "Fewer random orders take proportionally less time."
    Settings = HeadAblationSettings
    keeps_partial = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: HeadAblationSettings
    ) -> int:
        tokens = len(target.tokens)
        ranked = contribution_bytes(model, answer, tokens) + increase_bytes(model, tokens * model.card.heads)
        return max(ranked, edited_run_bytes(model, answer))

    def passes(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: HeadAblationSettings
    ) -> Passes:
        tokens = len(target.tokens)
        scored = contribution_passes(answer) + increase_passes(model, answer, tokens, 0)
        counts = counts_of(len(model.card.attention_layers) * model.card.heads)
        return scored + ablation_passes(model, answer, 1 + settings.draws, counts, settings.instead == MEAN)

    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: HeadAblationSettings,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        token_targets = token_targets_of(answer, target)
        written = contributions(model, answer, token_targets, cancel=cancel, progress=lambda done: progress(0.1 * done))
        scores = head_scores(model, written, settings.by, cancel=cancel)
        ranking = top_heads(torch.from_numpy(scores), scores.size)
        curves = ablation_curves(
            model,
            answer,
            target,
            {settings.by: ranking},
            counts_of(len(ranking)),
            head_means(model, [answer]) if settings.instead == MEAN else None,
            draws=settings.draws,
            cancel=cancel,
            progress=lambda done: progress(0.1 + 0.9 * done),
        )
        ranked, random = curves.ranked[settings.by] - curves.before.logprob, curves.random - curves.before.logprob
        shape = Curves(
            "Change in log-probability without the first heads",
            (
                Curve(f"by {settings.by.lower()}", curves.counts, ranked),
                Curve("random heads, mean", curves.counts, random.mean(0), random.min(0), random.max(0), control=True),
            ),
            "heads taken away",
            interval=f"least and most of {settings.draws} draws",
        )
        before = f"The target's log-probability is {curves.before.logprob:.5f} with all heads."
        return Result((shape,), before, curves.complete)


def counts_of(heads: int) -> list[int]:
    """How many heads are taken away at a time: 1, 2, 4 and so on, up to 64 and to half of them."""
    return [2**power for power in range(7) if 2**power <= max(1, heads // 2)]
