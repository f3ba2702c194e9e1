"""Compute maps that are not there yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...answer import Answer, Target
from ...explainers.registry import explainers
from ...explainers.run import expected, explain
from ...vlm.cancel import CancelToken
from ...vlm.forecast import Forecast
from ...vlm.model import VisionLanguageModel
from ..widgets.forecasts import foreseen
from .view import Order, RelevancyView


def compute(
    view: RelevancyView, model: VisionLanguageModel, answer: Answer, targets: Sequence[Target], order: Order
) -> None:
    """One run of a method for some targets. What it gives is kept, also the part that was done before a stop; what
    goes wrong is kept as a sentence, so that it is not tried again until somebody asks.

    Returns when that took a moment; otherwise the page is drawn again when it is done.
    """
    explainer = explainers()[order.method]

    def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
        # Kept by the working thread itself, so that what a stop leaves arrives even when the page is gone.
        maps = explain(explainer, model, answer, targets, order.settings, cancel=cancel, progress=report)
        view.keep(answer, order, maps)

    keys = [view.key(answer, target, order) for target in targets]
    told = told_of(model, answer, targets, order)
    view.jobs.run(model, keys, f"computing {explainer.name}", order.method, work, told)


def told_of(model: VisionLanguageModel, answer: Answer, targets: Sequence[Target], order: Order) -> Forecast | None:
    """How long that will take; None where it is refused."""
    explainer = explainers()[order.method]
    return foreseen(lambda: expected(explainer, model, answer, targets, order.settings))
