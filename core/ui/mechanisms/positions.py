"""What positions say: the logit lens over the picture at one layer, and over words at all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

import streamlit as st

from ...answer import Answer, Target
from ...charts.readings import COLUMN, reading_grid, reading_table
from ...charts.tokens import visible
from ...masking import as_seen
from ...mechanisms.lens import reciprocal_rank_by_chance
from ...mechanisms.logit_lens import LogitLens, some_layers, words_read
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.places import why_no_places
from ..widgets.seen import seen_button
from .reading import TOP, first_layers, read, rows_of, shown
from .saving import save
from .subject import Subject, subject_of
from .view import MechanismsView, Read

GRID, LEGEND = 452, 68
MOST_TOKENS = 80
"""Rows of the table of words, the last ones."""
CAVEAT = (
    "Logit lens (nostalgebraist 2020): each state goes through the final norm and the output embedding as if it were "
    f"the last. {LogitLens.caveat}"
)


def positions_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """Image tokens on the left, words of question and answer on the right."""
    view, layers = workspace.view(MechanismsView), model.card.layers
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        layer = 0
        if answer.layout.views:
            layer = st.slider(
                "Layer that the image tokens enter",
                0,
                layers,
                layers // 2,
                key=f"mechanisms_layer_{layers}",
                persist_state="session",
                width=330,
                help="0: the projected visual embeddings, before any layer of the decoder. The last number: what the "
                "last layer left.",
            )
        typed = st.text_input(
            "Look for a word",
            key="mechanisms_sought",
            persist_state="session",
            placeholder="the target",
            max_chars=60,
            width=170,
        )
    subject = subject_of(model, answer, target, typed)
    if subject.note:
        st.text(subject.note)
    if not answer.layout.views:
        _without_places(answer)
    with st.container(horizontal=True, gap="small", key="mechanisms_positions_body"):
        if answer.layout.views:
            with st.container(width=GRID + LEGEND):
                _grid(workspace, model, answer, subject, layer)
        _table(view, model, answer, subject)


def _without_places(answer: Answer) -> None:
    st.info(
        f"{why_no_places(answer)}, so no words can be laid over one. What words say at every layer still holds.",
        icon=":material/image_not_supported:",
    )


def _grid(workspace: Workspace, model: VisionLanguageModel, answer: Answer, subject: Subject, layer: int) -> None:
    shown_views = [view for view in answer.layout.views if workspace.shown_image in view.images]
    positions = [position for view in shown_views for position in view.positions]
    states = read(workspace.view(MechanismsView), model, answer, positions, [layer], subject)
    if states is None:
        return
    readings = {position: shown(model, states, 0, place) for place, position in enumerate(positions)}
    ranks = states.reading.word_ranks[0, :, 0].tolist()
    among = [position for position, rank in zip(positions, ranks, strict=True) if rank <= TOP]
    images = as_seen(answer.question)
    st.altair_chart(
        reading_grid(images, answer.layout, readings, size=GRID, marked=among, only=(workspace.shown_image,)),
        width="content",
        key="mechanisms_grid",
        alt=f"the most probable word of every image token at layer {layer}",
    )
    what = "the projected visual embeddings" if layer == 0 else f"the states that enter layer {layer}"
    if layer == model.card.layers:
        what = "what the last layer left"
    word = escaped(visible(model.reader.piece(subject.token_targets[0].token)))
    best = min(ranks)
    mean_reciprocal = sum(1 / rank for rank in ranks) / len(ranks)
    st.caption(
        f"Layer {layer}: {what}, at {len(positions)} image tokens; the colour is their first word's probability. Hover "
        f"for ten words each. “{word}” is among the first ten at {len(among)} of them (outlined), at best in place "
        f"{best}; mean reciprocal rank {mean_reciprocal:.3f}, of a random word "
        f"{reciprocal_rank_by_chance(model.card.vocabulary):.3f}. {states.seconds:.2f} s. {CAVEAT}"
    )
    seen_button(answer, workspace.shown_image, "lens")
    rows = partial(rows_of, model, answer, states, [layer], positions)
    save(answer, {"layer": layer, "method": "logit lens"}, rows, f"lens-layer{layer}", "mechanisms_save_grid")


def _table(view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject) -> None:
    layers, positions = some_layers(model.card.layers), words_read(answer)[-MOST_TOKENS:]
    states = read(view, model, answer, positions, layers, subject)
    if states is None:
        return
    texts = answer.texts
    readings = [[shown(model, states, column, row) for column in range(len(layers))] for row in range(len(positions))]
    first = first_layers(states, layers)
    predicting = {token_target.position(answer) for token_target in subject.token_targets}
    marked = {row for row, position in enumerate(positions) if position in predicting}
    chart = reading_table(
        [texts[position] for position in positions],
        layers,
        readings,
        marked=marked,
        first=first,
        legend=not answer.layout.views,
    )
    with st.container(width=COLUMN * len(layers) + 130):
        st.altair_chart(
            chart, width="content", key="mechanisms_lens_table", alt="the most probable word of every token and layer"
        )
        st.caption(_said(model, answer, subject, first, marked, len(positions), states))
        save(
            answer,
            {"method": "logit lens"},
            partial(rows_of, model, answer, states, layers, positions),
            "lens-words",
            "mechanisms_save_table",
        )


def _said(
    model: VisionLanguageModel,
    answer: Answer,
    subject: Subject,
    first: Mapping[int, int],
    marked: Collection[int],
    rows: int,
    states: Read,
) -> str:
    word = escaped(visible(model.reader.piece(subject.token_targets[0].token)))
    where = [first[row] for row in marked if row in first]
    here = f"comes first there from layer {min(where)} on" if where else "comes first there at no layer shown"
    left_out = len(words_read(answer)) - rows
    return (
        "What the state at each token of question and answer would say next, at every layer it enters, coloured by "
        "that word's probability; the last column is what the last layer left. ▸ predicts the target: "
        f"“{word}” {here}. Outlined: the first layer that puts it "
        f"first.{f' The {left_out} tokens before these are left out.' if left_out else ''} {states.seconds:.2f} s."
    )
