"""What positions say: the logit lens over the picture at one layer, and over words at all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import altair as alt
import streamlit as st

from ...answer import Answer, Target
from ...charts.many import MANY
from ...charts.readings import COLUMN, PROBABLE, TOLD_OF_MANY, reading_grid, reading_table
from ...charts.tokens import alternatives_chart, visible
from ...counted import counted
from ...masking import as_seen
from ...mechanisms.lens import reciprocal_rank_by_chance
from ...mechanisms.logit_lens import LogitLens, some_layers, words_read
from ...runs.kinds import READING
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.by_keyboard import patch_by_keyboard
from ..widgets.chips import escaped
from ..widgets.clicks import Entry, clickable
from ..widgets.closer import closer_button
from ..widgets.folded import folded
from ..widgets.places import place_of, why_no_places
from ..widgets.scripts import Made
from ..widgets.seen import seen_button
from .reading import TOP, first_layers, read, rows_of, shown
from .saving import save
from .subject import Subject, subject_of
from .view import MechanismsView, Read

GRID, LEGEND = 452, 94
COLUMNS, NAMES = 7, 120
"""Columns of the table of words beside a picture, and pixels for the names of its rows."""
TALL, HEIGHT = 30, 640
"""Rows from which on the table of words scrolls, and the pixels that are seen of it then."""
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
    many = len(positions) > MANY
    readings = dict(zip(positions, shown(model, states, 0, TOLD_OF_MANY if many else TOP), strict=True))
    ranks = states.reading.word_ranks[0, :, 0].tolist()
    among = [position for position, rank in zip(positions, ranks, strict=True) if rank <= TOP]
    draw = partial(
        reading_grid, as_seen(answer.question), answer.layout, readings, marked=among, only=(workspace.shown_image,)
    )
    description = f"the most probable word of every image token at layer {layer}"
    view = workspace.view(MechanismsView)
    if many:
        _clickable_grid(view, draw, description)
    else:
        st.altair_chart(draw(size=GRID), width="content", key="mechanisms_grid", alt=description)
    what = "the projected visual embeddings" if layer == 0 else f"the states that enter layer {layer}"
    if layer == model.card.layers:
        what = "what the last layer left"
    word = escaped(visible(model.reader.piece(subject.token_targets[0].token)))
    best = min(ranks)
    mean_reciprocal = sum(1 / rank for rank in ranks) / len(ranks)
    more = f"Words stand where they reach {PROBABLE:.0%}; click a patch" if many else "Hover"
    folded(
        f"At layer {layer}, {len(among)} of {counted(len(positions), 'image token')} would say “{word}” among their "
        f"first ten words (outlined). {more} for the ten of each.",
        f"{what[:1].upper()}{what[1:]}; the colour is their first word's probability. “{word}” stands at best in place "
        f"{best}; mean reciprocal rank {mean_reciprocal:.3f}, of a random word "
        f"{reciprocal_rank_by_chance(model.card.vocabulary):.3f}. {states.seconds:.2f} s. {CAVEAT}",
    )
    if many and view.read_at in readings:
        _words_of_patch(model, answer, subject, states, positions.index(view.read_at), view.read_at)
    with st.container(horizontal=True, gap="small"):
        seen_button(answer, workspace.shown_image, "lens")
        closer_button(answer.layout, workspace.shown_image, "lens", lambda size: draw(size=size, zoom=True))
        if many:
            patch_by_keyboard(answer.layout, workspace.shown_image, view.read, "lens_keys")
    rows = partial(rows_of, model, answer, states, [layer], positions)
    made = _made(states, positions, [layer], subject)
    save(
        answer, {"layer": layer, "method": "logit lens"}, rows, f"lens-layer{layer}", "mechanisms_save_grid", made=made
    )


def _made(states: Read, positions: Sequence[int], layers: Sequence[int], subject: Subject) -> Made:
    """What was read, for its script."""
    word = subject.token_targets[0].token
    return Made(READING, states.reading, {"positions": tuple(positions), "layers": tuple(layers), "words": (word,)})


def _clickable_grid(view: MechanismsView, draw: Callable[..., alt.LayerChart], description: str) -> None:
    """The grid of so many patches that a click tells what hovering has no room for."""

    def clicked(entry: Entry) -> None:
        view.read(int(entry["position"]))

    chart = draw(size=GRID, picked=view.read_at, click="patch")
    clickable(chart, "patch", "mechanisms_grid", clicked, f"{description}; click one for ten words")


def _words_of_patch(
    model: VisionLanguageModel, answer: Answer, subject: Subject, states: Read, place: int, position: int
) -> None:
    words = states.reading.words(model, 0, place)
    asked = subject.token_targets[0].token
    ids = [word.id for word in words]
    st.caption(f"Patch {escaped(place_of(answer, position))}:")
    chart = alternatives_chart(
        [word.text for word in words],
        [word.logprob for word in words],
        ids.index(asked) if asked in ids else None,
        whole=False,
    )
    with st.container(width=GRID, key="mechanisms_patch_words"):
        st.altair_chart(chart, alt="the ten most probable words of the chosen patch")


def _layers_of_words(layers: int, beside: bool) -> list[int]:
    """The layers that the table of words has columns for: beside a picture few, evenly spread over those chosen."""
    if not beside or layers < COLUMNS:
        return some_layers(layers)
    low, high = st.slider(
        "Layers of the table",
        0,
        layers,
        (0, layers),
        key=f"mechanisms_table_layers_{layers}",
        persist_state="session",
        width=330,
    )
    columns = min(COLUMNS, high - low + 1)
    return [low + round(place * (high - low) / max(1, columns - 1)) for place in range(columns)]


def _table(view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject) -> None:
    """Beside the picture where the window has room, whatever the model's depth."""
    with st.container(width=COLUMN * COLUMNS + NAMES if answer.layout.views else "stretch"):
        layers = _layers_of_words(model.card.layers, bool(answer.layout.views))
        _words(view, model, answer, subject, layers)


def _words(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject, layers: Sequence[int]
) -> None:
    positions = words_read(answer)[-MOST_TOKENS:]
    states = read(view, model, answer, positions, layers, subject)
    if states is None:
        return
    texts = answer.labels
    columns = [shown(model, states, column) for column in range(len(layers))]
    readings = [list(row) for row in zip(*columns, strict=True)]
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
    with st.container(width=COLUMN * len(layers) + NAMES, key="wide_lens_table"):
        with st.container(height=HEIGHT if len(positions) > TALL else "content", border=False):
            st.altair_chart(
                chart,
                width="content",
                key="mechanisms_lens_table",
                alt="the most probable word of every token and layer",
            )
        folded(*_said(model, answer, subject, first, marked, len(positions), states))
        save(
            answer,
            {"method": "logit lens"},
            partial(rows_of, model, answer, states, layers, positions),
            "lens-words",
            "mechanisms_save_table",
            made=_made(states, positions, layers, subject),
        )


def _said(
    model: VisionLanguageModel,
    answer: Answer,
    subject: Subject,
    first: Mapping[int, int],
    marked: Collection[int],
    rows: int,
    states: Read,
) -> tuple[str, str]:
    """What the table shows, in a sentence, and how to read it."""
    word = escaped(visible(model.reader.piece(subject.token_targets[0].token)))
    where = [first[row] for row in marked if row in first]
    here = f"comes first from layer {min(where)} on" if where else "comes first at no layer shown"
    left_out = len(words_read(answer)) - rows
    before = f" Left out: {counted(left_out, 'token')} before these." if left_out else ""
    return (
        f"What each token of question and answer would say next, layer by layer. At ▸, which predicts the target, "
        f"“{word}” {here}.",
        "Colour: that word's probability. The last column is what the last layer left. Outlined: the first layer that "
        f"puts “{word}” first.{before} {states.seconds:.2f} s.",
    )
