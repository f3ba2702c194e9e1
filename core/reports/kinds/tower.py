"""Heads of the vision tower: how far and how narrowly they look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...attention.tower import TowerFigures, tower_figures, tower_read
from ...mechanisms.results import HeadValues
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, took


class Tower(Renderer):
    """Figures of every head of the tower over one picture."""

    key = "tower"
    name = "Vision tower"

    def figures(self, case: Case) -> Sequence[Figure]:
        tower: TowerFigures | None = case.result
        if tower is None:
            return []
        papers, time = docs(TowerFigures), took(case.seconds)
        distance = HeadValues(
            "How far heads of the vision tower look", tower.distance, "share of the longer side", False
        )
        focus = HeadValues(
            "How narrowly heads of the vision tower look", tower.focus, "1: one patch, 0: all alike", False
        )
        first = shape_figure(case.answer, distance, sentences("The mean over all patches.", time), methods=papers)
        second = shape_figure(case.answer, focus, "The mean over all patches.", methods=papers)
        return [replace(first, numbers={**first.numbers, "looks": tower.looks}), second]

    def code(self, case: Case, write: Writer) -> Code:
        image = write.literal(int(case.about.get("image", 0)))
        read = write.call(tower_read, "model", "answer")
        return Code((f"tower = {read}", f"result = {write.call(tower_figures, 'tower', 'answer.layout', image)}"))
