"""Contrastive decoding against no picture at all, more so the longer the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..answer import Answer, Question, TokenKind
from ..errors import NotApplicable, QuestionError
from ..settings import number
from ..vlm.cancel import CancelToken
from ..vlm.guiding import Guide, Logits
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ._contrast import plausible
from .base import ONCE, Progress, Remedy, Tried, asked


@dataclass(frozen=True)
class MutualInformationSettings:
    """How fast the picture's weight grows, and from which confidence on the model is left alone."""

    decay: float = number(
        0.2,
        "Growth for each token",
        minimum=0.0,
        maximum=5.0,
        step=0.02,
        help="Before token t the difference weighs (1 - g) / g, with g = exp(-growth t), t from 1. 0 changes nothing.",
    )
    sure: float = number(
        0.9,
        "Left alone from",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Where the likeliest token has this probability, it is taken as it is. 1: never left alone.",
    )
    share: float = number(0.1, "Plausible from", minimum=0.0, maximum=1.0, step=0.05, help="As for VCD.")


class MutualInformation(Remedy):
    """M3ID, Favero et al. 2024, "Multi-Modal Hallucination Control by Visual Information Grounding": to each token's
    log-probability the difference to its log-probability without any picture is added, with a weight that grows along
    the answer, unless the model is sure already.

    The longer an answer, the less it rests on the picture: so the correction grows.
    """

    key = "mutual_information"
    name = "Contrast with no picture"
    caveat = "It grows along the answer: a first word is hardly corrected, nor one of which the model is sure."
    order = 20
    Settings = MutualInformationSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if (why := super().obstacle(model, answer)) is not None:
            return why
        try:
            model.prepare(in_words_alone(answer.question))
        except QuestionError as error:
            return f"{model.card.name} cannot be asked without a picture ({error}). Contrast with a noised picture."
        return None

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: MutualInformationSettings) -> Passes:
        words = 1 - len(answer.layout.positions(TokenKind.IMAGE)) / max(1, len(answer.layout))
        return (1 + words) * ONCE

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: MutualInformationSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        corrected: list[bool] = []

        def combine(token: int, own: Logits, others: Sequence[Logits]) -> Logits:
            weighed = weighed_by_information(own, others[0], token + 1, settings.decay, settings.sure)
            corrected.append(weighed is not None)
            return own if weighed is None else weighed + plausible(own, settings.share)

        try:
            again = asked(
                model, answer.question, cancel=cancel, guide=Guide((in_words_alone(answer.question),), combine)
            )
        except QuestionError as error:
            raise NotApplicable(f"{model.card.name} cannot be asked without a picture ({error}).") from error
        some = f"{sum(corrected)} of {len(corrected)}"
        return Tried(again, f"Corrected by what would be said without a picture at {some} tokens; sure of the others.")


def in_words_alone(question: Question) -> Question:
    """The question without its pictures."""
    return replace(question, images=(), masks=(), images_at=(), clips=())


def weighed_by_information(own: Logits, without: Logits, token: int, decay: float, sure: float) -> Logits | None:
    """l + (1 - g) / g (l - l'), with log-probabilities with and without the picture, g = exp(-decay token); None where
    the likeliest token has a probability of `sure` or more."""
    with_it, alone = own.log_softmax(-1), without.log_softmax(-1)
    if sure < 1 and float(with_it.max().exp()) >= sure:
        return None
    return with_it + math.expm1(min(decay * token, 50.0)) * (with_it - alone)
