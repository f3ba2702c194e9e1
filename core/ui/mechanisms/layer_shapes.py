"""Figures and words by layer and place: a table of places by layers, and a map of image tokens at one layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...answer import Answer, Target
from ...charts.effects import effect_map
from ...charts.readings import COLUMN, Reading, reading_grid, reading_table
from ...charts.tokens import cut, unique, visible
from ...masking import as_seen
from ...mechanisms.results import LayerTexts, LayerValues
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from . import position_map
from .position_map import image_scale, picture_map

BESIDE = 190
"""Pixels beside a table for its names and its legend."""
MOST_LAYERS, BESIDE_LAYERS, MOST_PLACES = 14, 7, 80
"""Columns of a table of words, evenly spread, and of one beside a picture; and rows of any table, the last ones."""
TALL, HEIGHT = 20, 560
"""Rows from which on a table scrolls, and the pixels that are seen of it then."""
LONGEST_NAME = 24


def layer_values(workspace: Workspace, answer: Answer, shape: LayerValues, key: str) -> None:
    """The places of the picture as a map at one layer; beside it the others as rows of a table."""
    drawn = set(_on_picture(answer, shape))
    listed = [column for column in range(len(shape.places)) if column not in drawn]
    with st.container(horizontal=True, gap="medium"):
        if drawn:
            with st.container(width=position_map.WIDTH):
                _map(workspace, answer, shape, sorted(drawn), key)
        if listed:
            _table(shape, listed, key)
    known = shape.spread is not None and bool(listed)
    spread = f" Hovering tells the standard deviation over {escaped(shape.spread_of)}." if known else ""
    st.caption(f"In {escaped(shape.unit)}.{spread}{_left_out(len(listed), len(shape.layers), len(shape.layers))}")


def _map(workspace: Workspace, answer: Answer, shape: LayerValues, drawn: Sequence[int], key: str) -> None:
    row = _layer(shape.layers, key)
    values = np.full(len(answer.layout), np.nan)
    for column in drawn:
        values[list(shape.places[column].positions)] = shape.values[row, column]
    scale = image_scale(answer, values, signed=shape.signed, faintest=0.0)
    description = f"{shape.title} at layer {shape.layers[row]}"
    picture_map(workspace, answer, values, scale, label=shape.unit, description=description, key=key)


def _table(shape: LayerValues, listed: Sequence[int], key: str) -> None:
    shown = list(listed[-MOST_PLACES:])
    names = unique([cut(visible(shape.places[column].name), LONGEST_NAME) for column in shown])
    chart = effect_map(
        names,
        shape.values.T[shown],
        None if shape.spread is None else shape.spread.T[shown],
        layers=shape.layers,
        what=shape.unit,
        at="at",
        over=shape.spread_of,
        signed=shape.signed,
    )
    with _scrolling(int(chart.width) + BESIDE, len(shown)):
        st.altair_chart(chart, width="content", key=f"{key}_table", alt=f"{shape.title}, by layer and place")


def layer_texts(workspace: Workspace, answer: Answer, target: Target, shape: LayerTexts, key: str) -> None:
    """The words of image tokens over the picture at one layer; beside them those of the other places as a table."""
    alone = {place.positions[0]: column for column, place in enumerate(shape.places) if len(place.positions) == 1}
    placed = {position for view in answer.layout.views for position in view.positions}
    images = [view for view in answer.layout.views if workspace.shown_image in view.images]
    drawn = [position for view in images for position in view.positions]
    if not all(position in alone for position in drawn):
        drawn = []
    on_picture = {alone[position] for position in placed & set(alone)} if drawn else set()
    listed = [column for column in range(len(shape.places)) if column not in on_picture]
    some = _spread(len(shape.layers), BESIDE_LAYERS if drawn else MOST_LAYERS)
    with st.container(horizontal=True, gap="medium"):
        if drawn:
            with st.container(width=position_map.WIDTH):
                _grid(workspace, answer, shape, {position: alone[position] for position in drawn}, key)
        if listed:
            _texts(answer, target, shape, listed, some, key)
    st.caption(
        "The most probable word, coloured by its probability; hover for the next ones. ▸ predicts the target."
        f"{_left_out(len(listed), len(shape.layers), len(some))}"
    )


def _grid(workspace: Workspace, answer: Answer, shape: LayerTexts, columns: Mapping[int, int], key: str) -> None:
    row = _layer(shape.layers, key)
    readings = {position: _reading(shape, row, column) for position, column in columns.items()}
    only = (workspace.shown_image,)
    chart = reading_grid(as_seen(answer.question), answer.layout, readings, size=position_map.SIZE, only=only)
    description = f"the most probable word of every image token at layer {shape.layers[row]}"
    st.altair_chart(chart, width="content", key=f"{key}_grid", alt=description)


def _texts(
    answer: Answer, target: Target, shape: LayerTexts, listed: Sequence[int], some: Sequence[int], key: str
) -> None:
    shown = list(listed[-MOST_PLACES:])
    predicting = {answer.predicting_position(token) for token in target.tokens}
    chart = reading_table(
        [cut(shape.places[column].name, LONGEST_NAME) for column in shown],
        [shape.layers[row] for row in some],
        [[_reading(shape, row, column) for row in some] for column in shown],
        marked={place for place, column in enumerate(shown) if predicting & set(shape.places[column].positions)},
    )
    with _scrolling(COLUMN * len(some) + BESIDE, len(shown)):
        st.altair_chart(chart, width="content", key=f"{key}_texts", alt=f"{shape.title}, by layer and place")


def _reading(shape: LayerTexts, row: int, column: int) -> Reading:
    words = shape.readings[row][column]
    return Reading(tuple(word.text for word in words), tuple(math.exp(word.logprob) for word in words))


def _on_picture(answer: Answer, shape: LayerValues) -> list[int]:
    """The places that are patches of a picture or squares of them; none where there is only one."""
    placed = {position for view in answer.layout.views for position in view.positions}
    columns = [column for column, place in enumerate(shape.places) if placed.issuperset(place.positions)]
    return columns if len(columns) > 1 else []


def _layer(layers: Sequence[int], key: str) -> int:
    """The chosen layer, as its place among those that there are; the middle one at first."""
    if len(layers) == 1:
        return 0
    places = range(len(layers))
    name = f"{key}_layer_{layers[0]}_{layers[-1]}_{len(layers)}"
    return int(
        st.select_slider(
            "Layer",
            places,
            value=len(layers) // 2,
            format_func=lambda place: str(layers[place]),
            key=name,
            persist_state="session",
            width=330,
        )
    )


def _scrolling(width: int, rows: int) -> DeltaGenerator:
    return st.container(width=width, height=HEIGHT if rows > TALL else "content", border=False)


def _spread(count: int, most: int) -> list[int]:
    """The places of as many columns as a table has room for, evenly spread."""
    if count <= most:
        return list(range(count))
    return [round(column * (count - 1) / (most - 1)) for column in range(most)]


def _left_out(places: int, layers: int, shown_layers: int) -> str:
    """What a table has no room for, in a sentence."""
    told = []
    if places > MOST_PLACES:
        told.append(f"the first {places - MOST_PLACES} places")
    if shown_layers < layers:
        told.append(f"{layers - shown_layers} of the layers")
    return f" Not shown here, but in the file: {' and '.join(told)}." if told else ""
