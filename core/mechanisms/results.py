"""What a mechanism gives: figures in a few shapes, each of which says of what and in which unit it is.

The shape decides how a figure is shown and what a line of its file is, so a mechanism draws nothing itself: figures by
head are a map of heads, figures by position lie over the picture and the words, figures by layer and place are a table,
series are curves beside their controls, and words are a table of words. Arrays are NumPy's, on the CPU; what a stopped
run did not get to is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from ..answer import Alternative, Answer
from ..errors import MisshapenFigure
from ..vlm.model import VisionLanguageModel
from .groups import Group

Row = dict[str, object]
"""A line of a file: plain values by the names of their columns."""


@dataclass(frozen=True, eq=False)
class HeadValues:
    """A figure for every head. `unit` names it in words ("nats"); `signed`: below zero means evidence against."""

    title: str
    values: Float[np.ndarray, "layers heads"]
    unit: str = "nats"
    signed: bool = True

    def rows(self, answer: Answer) -> list[Row]:
        """A line for each head that has a figure: layers without attention have no heads."""
        return [
            {"layer": layer, "head": head, "value": float(value)}
            for (layer, head), value in _each(self.values)
            if not np.isnan(value)
        ]

    def check(self, model: VisionLanguageModel, answer: Answer) -> None:
        """Raises MisshapenFigure where there is not one figure for each head of the model."""
        _check_shape(self.title, self.values, (model.card.layers, model.card.heads), "a figure for each layer and head")


@dataclass(frozen=True, eq=False)
class PositionValues:
    """A figure for every position of the sequence, as a map has. `testable`: it says on which positions the target
    rests, so that taking its patches away is a test of it."""

    title: str
    values: Float[np.ndarray, "position"]
    unit: str = "nats"
    signed: bool = True
    testable: bool = True

    def rows(self, answer: Answer) -> list[Row]:
        """A line for each position."""
        return [
            {"position": position, "kind": kind.value, "token": text, "value": float(value)}
            for position, (kind, text, value) in enumerate(
                zip(answer.layout.kinds, answer.texts, self.values, strict=True)
            )
        ]

    def check(self, model: VisionLanguageModel, answer: Answer) -> None:
        """Raises MisshapenFigure where there is not one figure for each position."""
        _check_shape(self.title, self.values, (len(answer.layout),), "a figure for each position of the sequence")


@dataclass(frozen=True, eq=False)
class LayerValues:
    """A figure for each of some layers at each of some places: groups of positions, or single ones (`single_places`).

    Layer l may be the state that enters layer l, so the number of layers itself is allowed. `spread` is a standard
    deviation of each figure, and `spread_of` says over what.
    """

    title: str
    values: Float[np.ndarray, "layer place"]
    layers: Sequence[int]
    places: Sequence[Group]
    unit: str = "nats"
    signed: bool = True
    spread: Float[np.ndarray, "layer place"] | None = None
    spread_of: str = "samples"

    def rows(self, answer: Answer) -> list[Row]:
        """A line for each layer and place."""
        spread = {} if self.spread is None else dict(_each(self.spread))
        return [
            {
                "layer": self.layers[row],
                "place": self.places[column].name,
                "value": float(value),
                **({"spread": float(spread[row, column])} if spread else {}),
            }
            for (row, column), value in _each(self.values)
        ]

    def check(self, model: VisionLanguageModel, answer: Answer) -> None:
        """Raises MisshapenFigure for figures that do not fit layers and places, and for places that are not there."""
        shape = (len(self.layers), len(self.places))
        for values in (self.values, self.spread):
            if values is not None:
                _check_shape(self.title, values, shape, "a row for each layer and a column for each place")
        _check_places(self.title, self.layers, self.places, model, answer)


@dataclass(frozen=True, eq=False)
class LayerTexts:
    """Words, most probable first, for each of some layers at each of some places. Untrusted text.

    `readings[l][p]` are of the l-th layer and the p-th place; layers and places as in LayerValues."""

    title: str
    readings: Sequence[Sequence[Sequence[Alternative]]]
    layers: Sequence[int]
    places: Sequence[Group]

    def rows(self, answer: Answer) -> list[Row]:
        """A line for each word."""
        return [
            {"layer": layer, "place": place.name, "rank": rank, "word": word.text, "logprob": word.logprob}
            for layer, row in zip(self.layers, self.readings, strict=True)
            for place, words in zip(self.places, row, strict=True)
            for rank, word in enumerate(words, 1)
        ]

    def check(self, model: VisionLanguageModel, answer: Answer) -> None:
        """Raises MisshapenFigure for readings that do not fit layers and places, or that have no word."""
        fits = len(self.readings) == len(self.layers) and all(len(row) == len(self.places) for row in self.readings)
        if not fits or not all(words for row in self.readings for words in row):
            raise MisshapenFigure(f"{self.title}: it needs a row for each layer, and at least one word for each place.")
        _check_places(self.title, self.layers, self.places, model, answer)


@dataclass(frozen=True, eq=False)
class Curve:
    """One series: `values` at the places `at` of its axis, with the ends of an interval where there is one.

    `control` curves are what the others are to be compared with."""

    name: str
    at: Sequence[float]
    values: Float[np.ndarray, "place"]
    low: Float[np.ndarray, "place"] | None = None
    high: Float[np.ndarray, "place"] | None = None
    control: bool = False


@dataclass(frozen=True, eq=False)
class Curves:
    """Some series over one `axis`. `interval` says what the ends of an interval are ("least and most of 5 draws")."""

    title: str
    curves: Sequence[Curve]
    axis: str
    unit: str = "nats"
    interval: str = "95%"

    def rows(self, answer: Answer) -> list[Row]:
        """A line for each point."""
        return [
            {
                "curve": curve.name,
                "control": curve.control,
                self.axis: at,
                "value": float(curve.values[place]),
                **({} if curve.low is None else {"low": float(curve.low[place])}),
                **({} if curve.high is None else {"high": float(curve.high[place])}),
            }
            for curve in self.curves
            for place, at in enumerate(curve.at)
        ]

    def check(self, model: VisionLanguageModel, answer: Answer) -> None:
        """Raises MisshapenFigure without a curve, for two of one name, and for figures that do not fit their places."""
        names = [curve.name for curve in self.curves]
        if not names or len(set(names)) < len(names):
            raise MisshapenFigure(f"{self.title}: it needs curves, each with a name of its own.")
        for curve in self.curves:
            for values in (curve.values, curve.low, curve.high):
                if values is not None:
                    _check_shape(f"{self.title}, {curve.name}", values, (len(curve.at),), "a figure for each place")


Shape = HeadValues | PositionValues | LayerValues | LayerTexts | Curves


@dataclass(frozen=True, eq=False)
class Result:
    """The figures of a mechanism, the most telling first.

    `remark` is what must be said of them here beside the mechanism's caveat, as one or several sentences. `complete` is
    below 1 when the run was stopped: figures it did not get to are NaN then.
    """

    shapes: tuple[Shape, ...]
    remark: str = ""
    complete: float = 1.0

    def check(self, model: VisionLanguageModel, answer: Answer) -> None:
        """Raises MisshapenFigure, with a sentence that names the figure, for one that does not fit model or answer."""
        for shape in self.shapes:
            shape.check(model, answer)


def single_places(answer: Answer, positions: Sequence[int]) -> tuple[Group, ...]:
    """Each position as a place of its own, named by its number and its token. Untrusted text."""
    return tuple(Group(f"{position}: {answer.labels[position]}", (position,)) for position in positions)


def _each(values: Float[np.ndarray, "row column"]) -> list[tuple[tuple[int, int], float]]:
    rows, columns = values.shape
    return [((row, column), values[row, column]) for row, column in product(range(rows), range(columns))]


def _check_shape(title: str, values: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    if not isinstance(values, np.ndarray) or values.shape != shape:
        given = f"one of {values.shape}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        raise MisshapenFigure(f"{title}: it needs {what}, so a NumPy array of {shape}, and was given {given}.")


def _check_places(
    title: str, layers: Sequence[int], places: Sequence[Group], model: VisionLanguageModel, answer: Answer
) -> None:
    known = all(0 <= layer <= model.card.layers for layer in layers)
    held = all(0 <= position < len(answer.layout) for place in places for position in place.positions)
    if not layers or not places or not known or not held:
        raise MisshapenFigure(
            f"{title}: it needs layers of the model and places of the sequence, and at least one of each."
        )
