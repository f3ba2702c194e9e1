"""Tests of maps: curves of deletion and insertion, and the metrics beside their controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from ...evidence.badge import badge, random_in_words
from ...evidence.beside import figures_beside
from ...evidence.registry import map_metrics
from ...evidence.result import Evidence
from ...evidence.settings import EvidenceSettings
from ...explainers.registry import explainers
from ...masking import FILL_NAMES
from ...mechanisms.results import Curve, Curves, Row
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, plain_settings, sentences, setting_arguments, took
from .explanation import explained

SEEING = {"deletion": "patches taken away", "insertion": "patches shown"}


class Tests(Renderer):
    """What taking a map's patches away did, beside controls."""

    key = "evidence"
    name = "Test of a map"

    def figures(self, case: Case) -> Sequence[Figure]:
        evidence: Evidence = case.result
        method = explainers().get(evidence.method)
        title = f"Test of {method.name if method else evidence.method} for {case.target_words}"
        partly = f"It was stopped when {evidence.complete:.0%} were done." if evidence.complete < 1 else ""
        said = f"Tested: {badge(evidence)}."
        settings = {"method": evidence.method, **plain_settings(evidence.settings)}
        metrics = [metric for key, metric in map_metrics().items() if key in evidence.tested.figures]
        rows = _metric_rows(evidence)
        areas = f"Areas over {evidence.points} points; random: {random_in_words(evidence)}."
        table = Figure(
            f"{title}: metrics",
            sentences(said, areas, partly, took(evidence.seconds)),
            {
                "values": np.array([row["this map"] for row in rows], dtype=float),
                "random": np.array([row["random"] for row in rows], dtype=float),
                "centre": np.array([row["centre"] for row in rows], dtype=float),
            },
            rows=rows,
            shown=rows,
            settings=settings,
            methods=docs(*map(type, metrics)),
        )
        curves = [
            shape_figure(
                case.answer,
                Curves(
                    f"{title}: {direction}",
                    _curves(evidence, direction),
                    f"{what} (%)",
                    "probability",
                    f"least and most of {len(evidence.random)} orders",
                ),
                "Random: the mean of the orders. Centre: from the middle outwards.",
                settings=settings,
            )
            for direction, what in SEEING.items()
        ]
        return [table, *curves]

    def code(self, case: Case, write: Writer) -> Code:
        evidence: Evidence = case.result
        if evidence.method not in explainers():
            raise CannotBeWritten("The map that was tested is no method's of this version.")
        if case.about.get("truth") is not None:
            raise CannotBeWritten("It was tested against pixels that somebody marked, which are not kept with it.")
        if "redraw" in evidence.fills:
            raise CannotBeWritten(
                "It was tested on scenes redrawn with nothing in them, and which scenes these are is not kept with it."
            )
        if evidence.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        own = case.map_settings
        target = write.literal(evidence.target)
        known = {field.name for field in fields(EvidenceSettings)}
        given = setting_arguments(write, {name: one for name, one in evidence.settings.items() if name in known})
        arguments = "".join(f", {name}={value}" for name, value in given.items())
        return Code(
            (
                f"explanation = {explained(write, evidence.method, target, setting_arguments(write, own))}",
                f"result = sightline.evaluate(model, answer, explanation{arguments})",
            )
        )


def _metric_rows(evidence: Evidence) -> list[Row]:
    metrics = map_metrics()
    rows: list[Row] = []
    for fill in evidence.fills:
        for key, row in figures_beside(evidence, fill).items():
            hides = not metrics[key].needs_truth
            if hides or fill == evidence.fills[0]:
                rows.append(
                    {
                        "metric": metrics[key].name,
                        "better": metrics[key].better,
                        "hidden": FILL_NAMES[fill] if hides else "",
                        "this map": row.tested,
                        "random": row.chance,
                        "least": row.low,
                        "most": row.high,
                        "centre": row.centre,
                    }
                )
    return rows


def _curves(evidence: Evidence, direction: str) -> tuple[Curve, ...]:
    drawn: list[Curve] = []
    for number, curve in enumerate(evidence.tested.curves):
        if curve.direction != direction:
            continue
        random = np.stack([one.curves[number].values for one in evidence.random])
        centre = evidence.centre.curves[number]
        at = (100 * curve.shares).tolist()
        drawn.append(Curve(f"this map, {curve.fill}", at, curve.values))
        drawn.append(Curve(f"random, {curve.fill}", at, random.mean(0), random.min(0), random.max(0), control=True))
        drawn.append(Curve(f"centre, {curve.fill}", at, centre.values, control=True))
    return tuple(drawn)
