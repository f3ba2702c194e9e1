"""What the heads that speak for the token take from each position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..answer import Answer
from ..mechanisms.contributions import contribution_bytes, contribution_passes, contributions
from ..mechanisms.logprob_increase import (
    head_increases,
    increase_bytes,
    increase_passes,
    source_increases,
    top_heads,
)
from ..settings import number
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from .base import Explainer, Step


@dataclass(frozen=True)
class LogprobIncreaseSettings:
    """How many heads are listened to."""

    heads: int = number(
        10,
        "Heads",
        minimum=1,
        maximum=256,
        step=1,
        help="The heads with the largest log-probability increase; their maps are summed.",
    )


class LogprobIncrease(Explainer):
    """Log-probability increase of Yu and Ananiadou 2024, "Understanding Multimodal LLMs: the Mechanistic
    Interpretability of LLaVA in Visual Question Answering", section 5: log p(w | x + o) - log p(w | x) of what a head
    takes from one position, o, added to the residual stream x before its layer, summed over the heads that make the
    token most likely, in nats.

    The paper shows the map of one head; any number of them is summed here.
    """

    key = "logprob_increase"
    name = "Log-probability increase"
    caveat = (
        "What heads write straight into the prediction: what later layers make of it, and its origin, is not followed."
    )
    Settings = LogprobIncreaseSettings
    signed = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        read = contribution_bytes(model, answer, len(token_targets))
        return read + increase_bytes(model, max(len(answer.layout), len(token_targets) * model.card.heads))

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return contribution_passes(answer) + increase_passes(model, answer, len(token_targets), settings.heads)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: LogprobIncreaseSettings,
    ) -> Iterator[Step]:
        written = contributions(model, answer, token_targets)
        yield Step(0.2)
        by_head = head_increases(model, written)
        scores = torch.zeros(len(token_targets), len(answer.layout))
        for row in range(len(token_targets)):
            of_target, heads = written.of(row), top_heads(by_head[row], settings.heads)
            layers = sorted({layer for layer, _ in heads})
            for done, layer in enumerate(layers):
                yield Step(0.3 + 0.7 * (row + done / len(layers)) / len(token_targets))
                own = [head for head in heads if head[0] == layer]
                scores[row] += source_increases(model, of_target, own)[0].sum(0)
        yield Step(1.0, scores)
