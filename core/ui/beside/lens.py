"""The logit lens at the place where each target is predicted: from which layer on the word comes first."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import streamlit as st

from ...charts.curves import Measured, series_curves
from ...charts.tokens import cut, visible
from ...mechanisms.lens import lens, lens_passes
from ...mechanisms.logit_lens import LogitLens, some_layers
from ...perturb.words import layers_in_words
from ...reports.code import Writer
from ...runs.kinds import READING
from ...statistics.estimate import Estimate
from ...vlm.cancel import CancelToken
from ...vlm.forecast import Forecast, forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report, Work
from ..state.heads import READ, Read, reading_key
from ..state.pins import card_of, found
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.forecasts import foreseen
from ..widgets.scripts import Made
from .columns import Column
from .missing import Missing, compute_missing
from .panel import Panel
from .taking_along import Taken, take_along

Figure = Literal["Probability", "Rank"]
TOP = 10
WIDTH, SHORT = 520, 40


@dataclass(frozen=True, eq=False)
class Places:
    """What is read of a column: the layers at which the token at one position is sought."""

    layers: tuple[int, ...]
    position: int
    token: int
    key: Hashable


@dataclass(frozen=True, eq=False)
class Curve:
    """By layer, how probable the target's first token is where it is predicted, and in which place it comes."""

    column: Column
    layers: tuple[int, ...]
    logprobs: tuple[float, ...]
    ranks: tuple[int, ...]
    made: Made


def lens_panel(panel: Panel) -> None:
    """Below each column the layers at which its target comes first, and below all of them their curves."""
    with panel.controls:
        figure = st.segmented_control(
            "Curves of",
            get_args(Figure),
            default="Probability",
            required=True,
            key="beside_lens",
            persist_state="session",
        )
    curves: list[Curve] = []
    missing: list[Missing] = []
    for column, _ in panel.compared:
        wanted = _places(panel.workspace, column)
        if wanted is None:
            panel.places[column.number].caption("How many layers its model has is not known here.")
            continue
        read = found(panel.workspace, column.pin, READ, wanted.key)
        if read is None:
            missing.append(_missing(panel.workspace, column, wanted))
        else:
            logprobs, ranks = read.reading.word_logprobs[:, 0, 0], read.reading.word_ranks[:, 0, 0]
            about = {"positions": (wanted.position,), "layers": wanted.layers, "words": (wanted.token,)}
            made = Made(READING, read.reading, about)
            curves.append(Curve(column, wanted.layers, tuple(logprobs.tolist()), tuple(map(int, ranks.tolist())), made))
    compute_missing(panel.view, missing, panel.places, "reading states in the vocabulary", "lens", "lens", "lenses")
    for curve in curves:
        with panel.places[curve.column.number]:
            st.text(_first(curve))
    if curves:
        _chart(curves, figure)


def _places(workspace: Workspace, column: Column) -> Places | None:
    card = card_of(workspace, column.pin)
    if card is None or column.target is None:
        return None
    index = column.target.tokens[0]
    layers, position = tuple(some_layers(card.layers)), column.answer.predicting_position(index)
    token = column.answer.tokens[index].id
    return Places(layers, position, token, reading_key(column.answer, (position,), layers, token))


def _missing(workspace: Workspace, column: Column, wanted: Places) -> Missing:
    answer = column.answer

    def work(model: VisionLanguageModel) -> Work:
        def compute(cancel: CancelToken, report: Report) -> None:
            began = time.perf_counter()
            reading = lens(
                model,
                answer,
                [wanted.position],
                list(wanted.layers),
                top=TOP,
                words=[wanted.token],
                cancel=cancel,
                progress=report,
            )
            workspace.results.keep(READ, wanted.key, Read(reading, time.perf_counter() - began))

        return compute

    def told(model: VisionLanguageModel) -> Forecast | None:
        return foreseen(lambda: forecast(model, answer, lens_passes(model, answer, len(wanted.layers))))

    return Missing(column, wanted.key, None, work, told)


def _word(column: Column) -> str:
    assert column.target is not None
    return visible(column.answer.tokens[column.target.tokens[0]].label)


def _first(curve: Curve) -> str:
    """From which layer on, or at which layers, the word comes first."""
    first = [layer for layer, rank in zip(curve.layers, curve.ranks, strict=True) if rank == 1]
    word = _word(curve.column)
    if not first:
        best = min(curve.ranks)
        layer = curve.layers[curve.ranks.index(best)]
        return f"“{word}” comes first at no layer; at best in place {best:,}, at {_layer(curve, layer)}."
    on = [layer for layer in curve.layers if layer >= first[0]]
    if first == on:
        return f"“{word}” comes first from {_layer(curve, first[0])} on."
    return f"“{word}” comes first at {layers_in_words(first)}."


def _layer(curve: Curve, layer: int) -> str:
    return f"layer {layer}" if layer < curve.layers[-1] else "what the last layer left"


def _chart(curves: list[Curve], figure: Figure) -> None:
    series = {}
    for curve in curves:
        values = np.exp(curve.logprobs) if figure == "Probability" else curve.ranks
        name = f"{curve.column.number + 1}: {cut(_word(curve.column), SHORT)}"
        series[name] = [
            Measured(float(layer), Estimate(float(value), np.nan, np.nan, 0))
            for layer, value in zip(curve.layers, values, strict=True)
        ]
    title = "probability" if figure == "Probability" else "place (1 is first)"
    draw = partial(series_curves, series, title=title, axis="layer", width=WIDTH, logarithmic=figure == "Rank")
    with st.container(key="wide_beside_lens"):
        st.altair_chart(draw(), width="content", alt=f"{title} of each target by layer")
    st.caption(
        "Logit lens (nostalgebraist 2020) at the position that predicts the target's first token: the state that "
        "enters each layer, and at the last number what the last layer left, goes through the final norm and the "
        f"output embedding. A word rather than another is read as the word. {escaped(LogitLens.caveat)}"
    )
    taken = Taken("Lens", f"By layer, the {title} of each target's first token. {LogitLens.caveat}", ending=_ending)
    taken.charts.append((None, draw))
    for curve in curves:
        number = curve.column.number + 1
        taken.made.append((curve.column, curve.made))
        arrays = {"layers": curve.layers, "logprobs": curve.logprobs, "places": curve.ranks}
        taken.numbers.update({f"answer_{number}_{name}": np.array(values) for name, values in arrays.items()})
        taken.rows += [
            {"answer": number, "word": _word(curve.column), "layer": layer, "logprob": logprob, "place": rank}
            for layer, logprob, rank in zip(curve.layers, curve.logprobs, curve.ranks, strict=True)
        ]
    take_along(taken)


def _ending(write: Writer) -> list[str]:
    return [
        "logprobs = [result.word_logprobs[:, 0, 0] for result in results]",
        "places = [result.word_ranks[:, 0, 0] for result in results]",
    ]
