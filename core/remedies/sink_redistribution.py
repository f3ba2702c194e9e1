"""What sinks soak up, given back to the rest of the picture."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Answer, TokenKind
from ..attention.sinks import Sinks, sinks_among
from ..counted import counted
from ..errors import NotApplicable, UnknownName
from ..settings import Chosen, choice, layers, number
from ..vlm.cancel import CancelToken
from ..vlm.edits import Edits, MovedAttention
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.rows_again import computed_again, tokens_at_once
from ._attending import lacking_tokens, predicting_rows
from .base import ONCE, Progress, Remedy, Tried, asked


@dataclass(frozen=True)
class SinkRedistributionSettings:
    """From which sinks how much, and in which heads."""

    sinks: str = choice(
        "all sinks", "Taken from", ("all sinks", "patches"), help="All: also words and the first token."
    )
    taken: float = number(0.6, "Share taken", minimum=0.0, maximum=1.0, step=0.1, help="0: as it is.")
    least_ratio: float = number(
        0.5,
        "Heads that look beside the sinks",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Only heads that give this share of their attention to the picture to patches that are no sinks.",
    )
    least_weight: float = number(
        0.2,
        "Heads that look at the picture",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Only heads that give the picture at least this share of all their attention.",
    )
    layers: Chosen = layers("Layers", help="As published all but the last.")


class SinkRedistribution(Remedy):
    """VAR, Kang et al. 2025, "See What You Are Told: Visual Attention Sink in Large Multimodal Models": of what heads
    that look at the picture give sinks, a share goes to the patches that are none, in proportion to what they have.

    Sinks are found here by attention (`core/attention/sinks.py`), not by massive activations.
    """

    key = "sink_redistribution"
    name = "Attention of sinks given back"
    caveat = "It makes more of where heads look already; sinks that carry something of the whole scene lose it."
    order = 40
    Settings = SinkRedistributionSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        return super().obstacle(model, answer) or lacking_tokens(model, answer)

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: SinkRedistributionSettings) -> Passes:
        held = answer.attention is not None and answer.attention.held is not None
        return ONCE if held else 2 * ONCE

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: SinkRedistributionSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        sources = sources_of(answer, sinks_again(model, answer), settings.sinks)
        progress(0.3)
        try:
            with model.edited(moved(answer, sources, settings)):
                again = asked(model, answer.question, cancel=cancel)
        except UnknownName as error:
            raise NotApplicable(str(error)) from error
        given = f"{settings.taken:.0%} of what {counted(len(sources), 'sink')} would get"
        return Tried(again, f"{given} goes to the other patches, in heads that look at the picture.")


def sinks_again(model: VisionLanguageModel, answer: Answer) -> Sinks:
    """The sinks of an answer's attention, which is read again where it is not kept."""
    held = None if answer.attention is None else answer.attention.held
    if held is None:
        held = computed_again(model, answer, range(min(len(answer.tokens), tokens_at_once(model, answer))))
    return sinks_among(held, answer.layout.kinds)


def sources_of(answer: Answer, sinks: Sinks, wanted: str) -> tuple[int, ...]:
    """The positions that attention is taken from. Raises NotApplicable where no sink is of the wanted kind."""
    found = sinks.of_kind("patch") if wanted == "patches" else sinks.all
    if not found:
        raise NotApplicable(
            "No patch soaks up attention in this answer, so there is nothing to give back. Take from all sinks."
        )
    return tuple(sorted(sink.position for sink in found))


def moved(answer: Answer, sources: tuple[int, ...], settings: SinkRedistributionSettings) -> Edits:
    """The edit, at every position that predicts a token of an answer to the same question."""
    image = answer.layout.positions(TokenKind.IMAGE)
    return (
        MovedAttention(
            rows=predicting_rows(answer),
            sources=sources,
            receivers=tuple(position for position in image if position not in sources),
            taken=settings.taken,
            beside=tuple(position for position in image if position in sources),
            least_ratio=settings.least_ratio,
            least_weight=settings.least_weight,
            layers=None if settings.layers is None else frozenset(settings.layers),
        ),
    )
