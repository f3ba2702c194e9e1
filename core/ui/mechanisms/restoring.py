"""What is traced, and how results are kept: the same for groups of tokens as for patches."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ...answer import Answer, Target
from ...attention.words import answer_words, question_words
from ...charts.tokens import visible
from ...mechanisms.causal_tracing import GROUPS
from ...mechanisms.costs import trace_passes
from ...mechanisms.groups import Group, groups
from ...mechanisms.tracing import trace
from ...vlm.cancel import CancelToken
from ...vlm.edits import Site
from ...vlm.forecast import Forecast, forecast
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import token_targets_of
from ..jobs.page import Report
from ..state.results import answer_key
from ..widgets.forecasts import foreseen
from .corrupting import Chosen
from .view import TRACES, MechanismsView, Traced

EACH = "word by word"
MOST_WORDS = 24
"""Words traced one by one: the last ones before the target."""


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be traced: how it is corrupted, and what is restored in how many layers at once."""

    chosen: Chosen
    site: Site
    window: int
    named: str

    def key(self, answer: Answer, target: Target) -> Hashable:
        return ("trace", answer_key(answer), target, self.chosen.key, self.site, self.window)


def places_of(answer: Answer, target: Target, rows: str) -> list[Group]:
    """What is restored together: groups of tokens; or the image, each word before the target, and the rest."""
    there = [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
    last = next(group for group in there if group.name == "last")
    if rows == GROUPS:
        return [*(group for group in there if group is not last), last]
    words = [*question_words(answer), *answer_words(answer)]
    spoken = [
        Group(f"{number}: {visible(word.text)}", before)
        for number, word in enumerate(words, 1)
        if (before := tuple(p for p in word.positions if p < max(last.positions) and p not in last.positions))
    ]
    kept = [group for group in there if group.name in ("image", "prompt")]
    return [*kept, *spoken[-MOST_WORDS:], last]


def compute(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    order: Order,
    places: Sequence[Group],
    key: Hashable,
    layers: Sequence[int] | None = None,
) -> None:
    """Trace some places, at some layers or all; what is done before a stop is kept."""

    def work(cancel: CancelToken, report: Report) -> None:
        began = time.perf_counter()
        traced = trace(
            model,
            answer,
            target,
            order.chosen.corruption,
            places,
            [order.site],
            order.window,
            layers=layers,
            cancel=cancel,
            progress=report,
        )
        view.results.keep(TRACES, key, Traced(traced, time.perf_counter() - began))

    view.jobs.start(model, key, "restoring states", "trace", work, told_of(model, answer, order, places, layers))


def told_of(
    model: VisionLanguageModel,
    answer: Answer,
    order: Order,
    places: Sequence[Group],
    layers: Sequence[int] | None = None,
) -> Forecast | None:
    """How long tracing these places will take; None where it is refused."""
    return foreseen(
        lambda: forecast(
            model,
            answer,
            trace_passes(model, answer, order.chosen.corruption, places, [order.site], order.window, layers),
        )
    )
