"""Curves of cuts over the layers they are made in."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from ...answer import Answer, Target
from ...charts.curves import WindowPoint, window_curves
from ...charts.tokens import visible
from ...mechanisms.attention_knockout import AttentionKnockout
from ...mechanisms.costs import knockout_passes
from ...mechanisms.knockout import UNKNOWN, Cut, KnockoutCurves, knockout_curves
from ...perturb.prediction import Prediction
from ...perturb.words import layers_in_words
from ...quantities import nats
from ...runs.kinds import KNOCKOUT
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.target import describe_target, measure_of
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.chips import escaped
from ..widgets.clicks import Entry, clickable
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.scripts import Made
from .saving import Row, save
from .view import CURVES, Curve, MechanismsView

WIDTH = 450


def obtained(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    cuts: dict[str, Cut],
    window: int,
) -> dict[str, Curve]:
    """The curves of some cuts, those that are not there computed now in one run."""
    about = (answer_key(answer), target, window)
    missing = [name for name in cuts if view.results.get(CURVES, (about, name)) is None]

    def work(cancel: CancelToken, report: Report) -> None:
        began = time.perf_counter()
        outcome = knockout_curves(
            model, answer, target, [cuts[name] for name in missing], window, cancel=cancel, progress=report
        )
        seconds = (time.perf_counter() - began) / len(missing)
        for row, name in enumerate(missing):
            if outcome.whole(row):
                view.results.keep(CURVES, (about, name), _curve(model, outcome, row, seconds))

    if missing:
        wanted = [cuts[name] for name in missing]
        told = foreseen(lambda: forecast(model, answer, knockout_passes(model, answer, wanted, window)))
        foretold(told, AttentionKnockout.cheaper)
        view.jobs.ensure(model, ("cut", about, tuple(missing)), "cutting attention", "curves", work, told)
    known = {name: view.results.get(CURVES, (about, name)) for name in cuts}
    return {name: curve for name, curve in known.items() if curve is not None}


def _curve(model: VisionLanguageModel, outcome: KnockoutCurves, row: int, seconds: float) -> Curve:
    points = tuple(
        WindowPoint(
            first,
            first + outcome.window - 1,
            float(outcome.change[row, first]),
            "".join(map(model.reader.piece, outcome.top[row, first].tolist())),
        )
        for first in outcome.cutting
    )
    probabilities = tuple(outcome.probability[row, list(outcome.cutting)].tolist())
    return Curve(points, outcome.before.logprob, probabilities, seconds)


def cut_curves(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    curves: dict[str, Curve],
    cuts: dict[str, Cut],
    window: int,
) -> None:
    """The chart; a click on a point chooses its cut."""

    def clicked(entry: Entry) -> None:
        view.pick_cut((str(entry["cut"]), int(entry["first"])))

    chart = window_curves(
        {name: [_visible(point) for point in curve.points] for name, curve in curves.items()},
        layers=model.card.layers,
        chosen=view.cut,
        click="point",
        width=WIDTH,
    )
    clickable(chart, "point", "mechanisms_curves", clicked, "change in log-probability by the layers that are cut")
    points = [(name, point.first) for name, curve in curves.items() for point in curve.points]
    one_by_keyboard("Cut", points, view.cut, view.pick_cut, "cut_keys", lambda cut: f"{cut[0]}, from layer {cut[1]} on")
    before = next(iter(curves.values())).before
    folded(
        f"By how much {escaped(measure_of(answer, target, model))} changes when {window} "
        f"layer{'s are' if window > 1 else ' is'} cut. Click a point to see the answer with that cut.",
        f"Uncut it is {nats(before)}.{_nothing_to_cut(model)} {sum(curve.seconds for curve in curves.values()):.2f} s. "
        f"{AttentionKnockout.caveat}",
    )
    settings: Row = {
        "method": "attention knockout",
        "target": describe_target(answer, target, model),
        "window": window,
        "logprob_before": before,
    }
    made = Made(KNOCKOUT, whole(model, target, curves, cuts, window))
    save(answer, settings, partial(_rows, curves), "knockout", "mechanisms_save_cuts", made=made)


def whole(
    model: VisionLanguageModel, target: Target, curves: dict[str, Curve], cuts: dict[str, Cut], window: int
) -> KnockoutCurves:
    """Curves that were computed one by one, as if they had been together; what is said then is not among them."""
    shape = (len(curves), model.card.layers - window + 1)
    logprob, probability = np.full(shape, np.nan), np.full(shape, np.nan)
    before = next(iter(curves.values())).before
    for row, curve in enumerate(curves.values()):
        for point, value in zip(curve.points, curve.probabilities, strict=True):
            logprob[row, point.first], probability[row, point.first] = before + point.change, value
    said = Prediction((), np.array([before]), np.array([np.nan]), np.array([0]), ())
    cutting = tuple(sorted({point.first for curve in curves.values() for point in curve.points}))
    top = np.full((*shape, len(target.tokens)), UNKNOWN)
    return KnockoutCurves(
        target, window, tuple(cuts[name] for name in curves), said, logprob, probability, top, 1.0, cutting
    )


def _nothing_to_cut(model: VisionLanguageModel) -> str:
    """Where there is no attention that could be cut, as a sentence; nothing where every layer has some."""
    none = model.card.without_attention
    return f" Without attention, so with nothing to cut: {layers_in_words(none)}." if none else ""


def _visible(point: WindowPoint) -> WindowPoint:
    return WindowPoint(point.first, point.last, point.change, visible(point.said))


def _rows(curves: dict[str, Curve]) -> list[Row]:
    return [
        {
            "cut": name,
            "first_layer": point.first,
            "last_layer": point.last,
            "change": point.change,
            "probability": probability,
            "says": point.said,
        }
        for name, curve in curves.items()
        for point, probability in zip(curve.points, curve.probabilities, strict=True)
    ]
