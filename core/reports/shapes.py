"""Figures of a few shapes, drawn on paper: figures by head, by position, by layer and place, words, and series.

They are the shapes that mechanisms give (`core.mechanisms.results`); other results are told in them as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..answer import Answer
from ..charts.curves import Measured, series_curves
from ..charts.effects import effect_map
from ..charts.export import Legend, png_map, svg_map
from ..charts.heads import head_map, layers_without, word_bars
from ..charts.heatmap import OPACITY, scale_of
from ..charts.readings import Reading, reading_table
from ..charts.tokens import cut, unique, visible
from ..masking import as_seen
from ..mechanisms.results import Curves, HeadValues, LayerTexts, LayerValues, PositionValues, Row, Shape
from ..statistics.estimate import Estimate
from .drawing import Chart, Drawing, Drawn
from .figure import Figure

MOST_COLUMNS, MOST_ROWS = 14, 60
"""Layers and places of a table that is printed; the files have all."""
MOST_WORDS = 40
HEADS, WIDE = 340, 520
LONGEST_NAME = 24


def shape_figure(
    answer: Answer,
    shape: Shape,
    caption: str,
    *,
    settings: Mapping[str, Any] | None = None,
    methods: Sequence[str] = (),
) -> Figure:
    """A shape as a figure. `caption` is what is to be said beside the unit."""
    numbers, unit, more = _numbers(shape), "", ""
    match shape:
        case HeadValues():
            drawing: Drawing | None = _heads(shape)
            unit, more = shape.unit, "Layers and heads count from 0."
        case PositionValues():
            drawing = _positions(answer, shape, caption)
            unit, more = shape.unit, _sums(answer, shape)
        case LayerValues():
            drawing = _layers(shape)
            unit, more = shape.unit, _left_out(len(shape.layers), len(shape.places))
        case LayerTexts():
            drawing = _texts(shape)
            more = "The more probable a word, the brighter its ground. "
            more += _left_out(len(shape.layers), len(shape.places))
        case Curves():
            drawing = _curves(shape)
            unit = shape.unit
            more = "Dashed: what to compare with." if any(curve.control for curve in shape.curves) else ""
            if any(curve.low is not None for curve in shape.curves):
                more += f" Bars: {shape.interval}."
    sentences = [_in(visible(unit)) if unit else "", more.strip(), caption]
    return Figure(
        title=shape.title,
        caption=" ".join(sentence for sentence in sentences if sentence),
        numbers=numbers,
        drawing=drawing,
        rows=_rows(answer, shape),
        settings=dict(settings or {}),
        methods=tuple(methods),
    )


def _in(unit: str) -> str:
    return f"In {unit}." if unit in ("nats", "logit") else f"Figures: {unit}."


def _numbers(shape: Shape) -> dict[str, np.ndarray]:
    match shape:
        case HeadValues() | PositionValues():
            return {"values": np.asarray(shape.values)}
        case LayerValues():
            spread = {} if shape.spread is None else {"spread": np.asarray(shape.spread)}
            return {"values": np.asarray(shape.values), "layers": np.asarray(shape.layers), **spread}
        case LayerTexts():
            probable = [[[word.logprob for word in words] for words in row] for row in shape.readings]
            most = max((len(words) for row in shape.readings for words in row), default=0)
            padded = [[words + [math.nan] * (most - len(words)) for words in row] for row in probable]
            return {"logprobs": np.array(padded, dtype=float), "layers": np.asarray(shape.layers)}
        case Curves():
            named = {}
            for number, curve in enumerate(shape.curves, 1):
                named[f"curve_{number}_at"] = np.asarray(curve.at, dtype=float)
                named[f"curve_{number}"] = np.asarray(curve.values, dtype=float)
            return named


def _rows(answer: Answer, shape: Shape) -> list[Row]:
    if not isinstance(shape, PositionValues):
        return shape.rows(answer)
    # A layout may go on after the sequence: with patches that are read across, or squares of the picture.
    kinds = answer.layout.kinds
    texts = [*answer.texts, *[""] * (len(kinds) - len(answer.texts))]
    return [
        {"position": position, "kind": kind.value, "token": text, "value": float(value)}
        for position, (kind, text, value) in enumerate(zip(kinds, texts, shape.values, strict=False))
    ]


def _heads(shape: HeadValues) -> Drawing:
    name = f"{shape.title} ({shape.unit})"
    without = layers_without(shape.values)
    return Chart(partial(head_map, shape.values, name=name, signed=shape.signed, without=without, size=HEADS))


def _positions(answer: Answer, shape: PositionValues, caption: str) -> Drawing:
    values = np.asarray(shape.values, dtype=float)
    if not answer.layout.views:
        return Chart(partial(_words, answer, values, shape))
    shown = [position for view in answer.layout.views for position in view.positions]
    record = json.dumps({"title": shape.title, "unit": shape.unit, "caption": caption})
    legend = Legend(shape.title, (f"in {shape.unit}",), record)
    scale = scale_of(values[shown], signed=shape.signed)
    parts = (as_seen(answer.question), answer.layout, values, scale, OPACITY, legend)
    return Drawn(partial(svg_map, *parts), partial(png_map, *parts))


def _words(answer: Answer, values: np.ndarray, shape: PositionValues) -> Any:
    """The positions with the largest figures, in their order."""
    texts = answer.labels
    known = [position for position in range(min(len(texts), len(values))) if np.isfinite(values[position])]
    largest = sorted(sorted(known, key=lambda position: -abs(values[position]))[:MOST_WORDS])
    names = [texts[position] for position in largest] or ["nothing"]
    return word_bars(names, values[largest] if largest else np.zeros(1), title=shape.unit, width=WIDE // 2)


def _sums(answer: Answer, shape: PositionValues) -> str:
    """How much of it lies on what, where shares of a sum mean something."""
    values = np.nan_to_num(np.asarray(shape.values, dtype=float)[: len(answer.layout.kinds)])
    total = float(np.abs(values).sum())
    if not total:
        return ""
    parts = {
        name: float(np.abs(values[[one.value == kind for one in answer.layout.kinds]]).sum()) / total
        for kind, name in (("image", "the picture"), ("text", "the question"), ("answer", "the earlier answer"))
    }
    of = "of the sum of absolute values" if (values < 0).any() else "of the sum"
    return f"{'; '.join(f'{share:.0%} on {name}' for name, share in parts.items())} ({of})."


def _layers(shape: LayerValues) -> Drawing | None:
    columns, rows = _spread(len(shape.layers), MOST_COLUMNS * 3), range(len(shape.places))[-MOST_ROWS:]
    values = np.asarray(shape.values, dtype=float)[np.ix_(columns, list(rows))].T
    spread = None if shape.spread is None else np.asarray(shape.spread, dtype=float)[np.ix_(columns, list(rows))].T
    names = unique([cut(visible(shape.places[row].name), LONGEST_NAME) for row in rows])
    layers = [shape.layers[column] for column in columns]
    if not np.isfinite(values).any():
        return None
    return Chart(partial(effect_map, names, values, spread, layers=layers, what=shape.unit, signed=shape.signed))


def _texts(shape: LayerTexts) -> Drawing | None:
    columns, rows = _spread(len(shape.layers), MOST_COLUMNS), range(len(shape.places))[-MOST_ROWS:]
    table = [
        [
            Reading(
                tuple(word.text for word in shape.readings[column][row]),
                tuple(math.exp(word.logprob) for word in shape.readings[column][row]),
            )
            for column in columns
        ]
        for row in rows
    ]
    if not table or not columns:
        return None
    names = unique([cut(visible(shape.places[row].name), LONGEST_NAME) for row in rows])
    return Chart(partial(reading_table, names, [shape.layers[column] for column in columns], table))


def _curves(shape: Curves) -> Drawing | None:
    if not any(np.isfinite(curve.values).any() for curve in shape.curves):
        return None
    names = unique([visible(curve.name) for curve in shape.curves])
    series = {}
    for name, curve in zip(names, shape.curves, strict=True):
        unknown = np.full(len(curve.at), np.nan)
        low, high = (unknown if ends is None else ends for ends in (curve.low, curve.high))
        series[name] = [
            Measured(float(at), Estimate(float(value), float(least), float(most), 0))
            for at, value, least, most in zip(curve.at, curve.values, low, high, strict=True)
        ]
    controls = [name for name, curve in zip(names, shape.curves, strict=True) if curve.control]
    return Chart(
        partial(
            series_curves,
            series,
            title=shape.unit,
            axis=shape.axis,
            controls=controls,
            interval=shape.interval,
            width=WIDE,
        )
    )


def _spread(count: int, most: int) -> list[int]:
    """As many of some columns as have room, evenly spread."""
    if count <= most:
        return list(range(count))
    return [round(column * (count - 1) / (most - 1)) for column in range(most)]


def _left_out(layers: int, places: int) -> str:
    return f"Not drawn, but in the files: the first {places - MOST_ROWS} places." if places > MOST_ROWS else ""
