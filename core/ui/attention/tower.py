"""The vision tower: where patches look within the picture, before a word is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import altair as alt
import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Head
from ...attention.tower import (
    TowerFigures,
    image_positions,
    tower_figures,
    tower_looks,
    tower_passes,
    tower_read,
)
from ...charts.heads import head_map, head_name
from ...runs.kinds import TOWER as TOWER_KIND
from ...runs.kinds import TOWER_LOOKS as TOWER_LOOKS_KIND
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..state.results import answer_key
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.clicks import Entry, clickable
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import Row
from ..widgets.taken_charts import save_chart
from .attention_map import patches_chart
from .view import TOWER, TOWER_LOOKS, AttentionView, Direction, KeptFigures

RUNNING = "running the vision tower"
MAP, PICTURE = 260, 340
MEASURES = {"distance": "looking distance", "focus": "focus"}


def tower_panel(view: AttentionView, model: VisionLanguageModel, answer: Answer, image: int) -> None:
    """A map of the tower's heads, and one picture for the chosen one."""
    key = ("tower", answer_key(answer), image)
    kept = view.obtain(
        model,
        TOWER,
        key,
        RUNNING,
        RUNNING,
        lambda cancel, report: _figures(model, answer, image, cancel, report),
        forecast(model, answer, tower_passes(1.0)),
    )
    if kept is None:
        return
    figures = kept.figures
    if figures is None:
        st.info(
            f"For this picture and the family {model.card.family} it is not known which places of the vision tower "
            "became which image tokens, so the tower's attention cannot be laid over the picture. The decoder's "
            "attention above holds.",
            icon=":material/info:",
        )
        return
    if view.tower_head is not None and not (
        view.tower_head[0] < figures.focus.shape[0] and view.tower_head[1] < figures.focus.shape[1]
    ):
        view.tower_head = None
    with st.container(horizontal=True, gap="large"):
        with st.container(width=400):
            chart = _heads(view, figures)
            with st.container(horizontal=True, gap="small"):
                save_chart(chart, "vision-tower-heads", "save_tower", _rows(figures))
                copy_script(answer, Made(TOWER_KIND, figures, {"image": image}))
        with st.container(width=PICTURE + 80):
            _image(view, model, answer, image, figures)


def _figures(
    model: VisionLanguageModel, answer: Answer, image: int, cancel: CancelToken, report: Callable[[float], None]
) -> KeptFigures:
    tower = tower_read(model, answer)
    if tower is None:
        return KeptFigures(None)
    return KeptFigures(tower_figures(tower, answer.layout, image, cancel=cancel, progress=report))


def _rows(figures: TowerFigures) -> list[Row]:
    return [
        {"layer": layer, "head": head, "distance": float(distance), "focus": float(figures.focus[layer, head])}
        for (layer, head), distance in np.ndenumerate(figures.distance)
    ]


def _heads(view: AttentionView, figures: TowerFigures) -> alt.TopLevelMixin:
    measure = st.segmented_control(
        "Colour the tower's heads by",
        list(MEASURES),
        default="distance",
        required=True,
        format_func=MEASURES.__getitem__,
        key="tower_measure",
        persist_state="session",
        help="Looking distance: how far from itself a patch looks, as a share of the picture's longer side "
        "(Dosovitskiy et al. 2021). Focus: 1 when a patch looks at one patch, 0 when it looks at all alike.",
        wrap=True,
    )

    def choose(head: Head) -> None:
        view.tower_head = None if head == view.tower_head else head

    def clicked(entry: Entry) -> None:
        choose((int(entry["layer"]), int(entry["head"])))

    chart = head_map(
        figures.distance if measure == "distance" else figures.focus,
        name=MEASURES[measure],
        share=measure == "distance",
        chosen=view.tower_head,
        click="cell",
        size=MAP,
    )
    clickable(chart, "cell", "tower_heads", clicked, f"{MEASURES[measure]} of every head of the vision tower")
    heads = [(layer, head) for layer, row in enumerate(figures.distance) for head in range(len(row))]
    one_by_keyboard("Head of the tower", heads, view.tower_head, choose, "tower_keys", head_name)
    st.caption("The mean over all patches. Click a head to see it on the picture, again for all heads.")
    return chart


def _image(view: AttentionView, model: VisionLanguageModel, answer: Answer, image: int, figures: TowerFigures) -> None:
    positions = image_positions(answer.layout, image)
    chosen = [positions.index(position) for position in view.patches if position in positions]
    direction = get_args(Direction)[0]
    if chosen:
        direction = st.segmented_control(
            "Of the selected patches" if len(chosen) > 1 else "Of the selected patch",
            get_args(Direction),
            default=direction,
            required=True,
            key="tower_direction",
            persist_state="session",
            wrap=True,
        )
    values = np.full(len(answer.layout), np.nan)
    looks = _looks(view, model, answer, image, figures, chosen, direction != get_args(Direction)[0])
    if looks is None:
        return
    values[list(positions)] = looks
    patches_chart(view, answer, values, "tower_picture", PICTURE, image)
    if chosen:
        about = {"image": image, "head": view.tower_head, "patches": tuple(chosen)}
        received = direction != get_args(Direction)[0]
        copy_script(answer, Made(TOWER_LOOKS_KIND, looks, {**about, "received": received}))
    squares = sum(own.image == image for own in answer.layout.views) > 1
    whose = f"{len(chosen)} selected patches" if chosen else "the mean of all patches"
    st.caption(
        f"Vision tower, {head_name(view.tower_head)} · {whose}{f', {direction}' if chosen else ''}. The same for every "
        "word: the tower reads no words. Looks at places that became no image token, such as a class token, are "
        + ("left out. " if chosen else "left out. Click a patch to see where it looks. ")
        + ("The tower looks at each of the squares alone: no patch looks at one of another. " if squares else "")
        + "By the last layers a patch's state holds more than its own pixels."
    )


def _looks(
    view: AttentionView,
    model: VisionLanguageModel,
    answer: Answer,
    image: int,
    figures: TowerFigures,
    chosen: list[int],
    received: bool,
) -> Float[np.ndarray, "place"] | None:
    """Where the mean patch looks, or what some of them do, of which only those rows are read; None where that was
    stopped or failed."""
    head = view.tower_head
    if not chosen:
        means: Float[np.ndarray, "place"] = figures.looks.mean((0, 1)) if head is None else figures.looks[head]
        return means

    def read(cancel: CancelToken, report: Callable[[float], None]) -> Float[np.ndarray, "place"]:
        tower = tower_read(model, answer)
        assert tower is not None
        return tower_looks(tower, answer.layout, image, head, chosen, received, cancel=cancel, progress=report)

    key = (answer_key(answer), image, head, tuple(chosen), received)
    told = forecast(model, answer, tower_passes(1 / len(figures.focus) if head is not None else 1.0))
    return view.obtain(model, TOWER_LOOKS, key, RUNNING, RUNNING, read, told)
