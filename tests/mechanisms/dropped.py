"""A mechanism in a file of its own, dropped into the package as a newcomer would, for tests of what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import core.mechanisms
from core.mechanisms.registry import mechanisms

A_MECHANISM = '''
"""A mechanism of a test."""

import time
from dataclasses import dataclass

import numpy as np

from core.answer import Alternative
from core.mechanisms.base import Mechanism
from core.mechanisms.groups import Group
from core.mechanisms.results import (
    Curve, Curves, HeadValues, LayerTexts, LayerValues, PositionValues, Result, single_places
)
from core.settings import choice, number, switch


@dataclass(frozen=True)
class DullSettings:
    figure: float = number(0.5, "Figure", minimum=0, maximum=1, step=0.1)
    only: str = choice("every shape", "Shapes", ("every shape", "heads"))
    slow: bool = switch(False, "Slowly")


class Dull(Mechanism):
    """It finds the same in every head.

    What stands here is for readers of the file.
    """

    key = "{key}"
    name = "Dull and even"
    {caveat}
    order = 25
    Settings = DullSettings

    def obstacle(self, model, answer):
        return None if answer.question.images else "There is no picture to be dull about. Ask about one."

    def compute(self, model, answer, target, settings, *, cancel, progress):
        card, length = model.card, len(answer.layout)
        for step in range(1, 41):
            time.sleep(0.05 if settings.slow else 0.0)
            progress(step / 40)
        heads = HeadValues("Evenness", np.full((card.layers, card.heads), settings.figure), "points")
        if settings.only == "heads":
            return Result((heads,))
        layers, positions = range(card.layers), range(length - 1)
        ramp = np.linspace(-settings.figure, settings.figure, card.layers)
        places = (Group("all <b>", tuple(positions)), *single_places(answer, positions))
        table = np.tile(ramp[:, None], (1, len(places)))
        word = (Alternative(5, "*dull*", -0.1), Alternative(6, "", -3.0))
        return Result(
            (
                heads,
                PositionValues("Evenness of positions", np.linspace(0, settings.figure, length), signed=False),
                LayerValues("Evenness of layers", table, layers, places, spread=abs(table), spread_of="days"),
                LayerTexts("Words of dullness", [[word] * len(places) for _ in layers], layers, places),
                Curves(
                    "Evenness over layers",
                    (
                        Curve("dull", layers, ramp, ramp - 0.1, ramp + 0.1),
                        Curve("chance", layers, 0 * ramp, control=True),
                    ),
                    "layer",
                ),
            ),
            "It is *dull*.",
        )
'''


@contextmanager
def dropped(folder: Path) -> Iterator[None]:
    """Let a second folder count as the package's; what it defined is forgotten afterwards."""
    with patch.object(core.mechanisms, "__path__", [*core.mechanisms.__path__, str(folder)]):
        mechanisms.cache_clear()
        try:
            yield
        finally:
            mechanisms.cache_clear()
            for file in folder.glob("*.py"):
                sys.modules.pop(f"core.mechanisms.{file.stem}", None)
