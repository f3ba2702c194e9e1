"""Tests of maps over words of the question, over patches, and over both; and what picture and words give together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...counted import counted
from ...evidence.modality_result import DIRECTIONS, ModalityEvidence
from ...evidence.synergy import in_words
from ...explainers.registry import explainers
from ...masking import FILL_NAMES
from ...mechanisms.results import Curve, Curves
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import plain_settings, sentences, setting_arguments, took
from .explanation import explained

DONE = {"deletion": "erased", "insertion": "shown"}
NAMES = {"words": "words", "patches": "patches", "both": "words and patches"}


class OverWordsAndPatches(Renderer):
    """What erasing words, patches and both in a map's order did, beside random orders."""

    key = "modalities"
    name = "Test over words and patches"

    def figures(self, case: Case) -> Sequence[Figure]:
        found: ModalityEvidence = case.result
        method = explainers().get(found.method)
        title = f"Words and patches of {method.name if method else found.method} for {case.target_words}"
        settings = {"method": found.method, **plain_settings(found.settings)}
        partly = f"It was stopped when {found.complete:.0%} were done." if found.complete < 1 else ""
        random = counted(len(found.random), "random order")
        curves = [
            shape_figure(
                case.answer,
                Curves(
                    f"{title}: {DONE[direction]}",
                    tuple(curve for over in found.over for curve in _curves(found, over, direction)),
                    f"{DONE[direction]} (%)",
                    "probability",
                    f"least and most of {random}",
                ),
                sentences(_erased(found), f"Random: the mean of {random}.", partly, took(found.seconds)),
                settings=settings,
            )
            for direction in DIRECTIONS
        ]
        told = found.synergy
        rows = [
            {"the model has": name, "log p (nats)": value}
            for name, value in (
                ("picture and words", told.both),
                ("the picture alone", told.picture),
                ("the words alone", told.text),
                ("neither", told.neither),
            )
        ]
        synergy = Figure(
            f"{title}: synergy",
            sentences(
                f"Synergy (both - picture alone - words alone + neither): {told.value:+.2f} nats.",
                in_words(told),
                partly,
            ),
            {"values": np.array([told.both, told.picture, told.text, told.neither], dtype=float)},
            rows=rows,
            shown=rows,
            settings=settings,
        )
        return [*curves, synergy]

    def code(self, case: Case, write: Writer) -> Code:
        found: ModalityEvidence = case.result
        if found.method not in explainers():
            raise CannotBeWritten("The map that was tested is no method's of this version.")
        if found.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        target = write.literal(found.target)
        given = setting_arguments(write, found.settings)
        arguments = "".join(f", {name}={value}" for name, value in given.items())
        return Code(
            (
                f"explanation = {explained(write, found.method, target, setting_arguments(write, case.map_settings))}",
                f"result = sightline.evaluate_modalities(model, answer, explanation{arguments})",
            )
        )


def _erased(found: ModalityEvidence) -> str:
    fill = FILL_NAMES[found.settings["fill"]]  # type: ignore[index]
    things = f"{counted(len(found.words), 'word')} of the question, {counted(found.patches, 'patch', 'patches')}"
    return f"{things}. Erased words are {found.settings['words']}, hidden patches {fill}."


def _curves(found: ModalityEvidence, over: str, direction: str) -> tuple[Curve, Curve]:
    """The map's, and that of the random orders."""
    own, drawn = found.curve(over, direction), found.chance(over, direction)  # type: ignore[arg-type]
    at = (100 * own.shares).tolist()
    return (
        Curve(f"this map, {NAMES[over]}", at, own.values),
        Curve(f"random, {NAMES[over]}", at, drawn.mean(0), drawn.min(0), drawn.max(0), control=True),
    )
