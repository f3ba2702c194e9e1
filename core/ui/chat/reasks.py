"""The re-asks of an answer as a table: what was hidden, what it covers, what was said and what became of the target;
each can be opened again, set beside another one, and removed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from ...answer import Answer, Target, TokenKind, subject
from ...charts.heatmap import data_url
from ...charts.overlays import fit, region_overlay
from ...charts.tokens import aligned_chart, aligned_tokens, cut
from ...counted import counted
from ...masking import FILL_NAMES
from ...perturb.reask import Reasked, with_contrast
from ...quantities import change_in_nats
from ...runs.reasks import ReaskRow
from ...spreadsheet import csv_table
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.job import Job
from ..state.pins import MOST, pin
from ..state.reasks import remove, replaced, row_name, rows_of
from ..state.target import measure_of
from ..state.workspace import Exchange, Workspace
from ..widgets.asking import stop_row, trouble_of
from ..widgets.chips import escaped
from ..widgets.pinning import pins_link
from .through import THROUGH_ONE, draft_of, hidden_in_words, through_key
from .view import ChatView

SIDE, MOST_PICTURES, GAP = 96, 3, 4
"""Of a small picture: pixels of its longer side; how many stand beside each other; pixels between them."""
LINE, HEAD, HIGHEST = 64, 37, 460
WIDTH = 480
LONGEST = 300
_small: WeakKeyDictionary[Reasked, str] = WeakKeyDictionary()


def reasks_panel(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """The table, what can be done with the rows that are marked in it, and two of them side by side."""
    rows = rows_of(workspace, answer)
    if not rows:
        return
    view, target = workspace.view(ChatView), workspace.target
    st.markdown(f"**Asked again with regions hidden: {len(rows):,}**")
    marked = _table(rows, answer, target, f"reasks_{exchange.serial}_{view.tables}")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="reask_actions"):
        st.button(
            "Open again",
            key="reask_open",
            icon=":material/open_in_new:",
            disabled=len(marked) != 1,
            help="Bring back its region and its answer. Mark one row.",
            on_click=_reopen,
            args=(workspace, answer, marked),
        )
        st.button(
            "Compare",
            key="reask_compare",
            icon=":material/compare:",
            disabled=len(marked) != 2,
            help="Set two answers side by side. Mark two rows.",
            on_click=_beside,
            args=(view, marked),
        )
        st.button(
            "Pin",
            key="reask_pin",
            icon=":material/keep:",
            disabled=not 0 < len(marked) <= MOST - len(workspace.pins),
            help=f"See them on Side by Side, beside others: {MOST} at most.",
            on_click=_pin,
            args=(workspace, exchange, marked),
        )
        st.button(
            "Remove",
            key="reask_remove",
            icon=":material/delete:",
            disabled=not marked,
            on_click=_remove,
            args=(workspace, view, marked),
        )
        st.download_button(
            "Table (CSV)",
            partial(csv_text, rows, answer, target),
            "masking.csv",
            "text/csv",
            key="reasks_csv",
            icon=":material/download:",
            on_click="ignore",
        )
        pins_link(workspace)
    named = escaped(measure_of(answer, target, model))
    st.caption(
        f"Mark rows at their left. Change of the target: by how many nats {named} changes when what was said first is "
        "read under the masked picture; of the answer: its log-probability in all."
    )
    _measure_contrast(workspace, model, rows, target)
    pair = [row for name in view.beside for row in rows if row_name(row.reasked) == name]
    if len(pair) == 2:
        _side_by_side(view, pair[0], pair[1], target)


def _measure(target: Target | None) -> str:
    """What the figures of a target are figures of."""
    return "log-odds against its rival" if target is not None and target.rivals is not None else "log-probability"


def _measure_contrast(
    workspace: Workspace, model: VisionLanguageModel, rows: Sequence[ReaskRow], target: Target | None
) -> None:
    """A button where a contrast was chosen after something was asked again: it is read now."""
    missing = [row for row in rows if target is not None and row.change(target) is None]
    if not missing or target is None or missing[0].reasked.original.model != model.card.fingerprint:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            f"Measure the contrast in {counted(len(missing), 'row')}", key="reasks_contrast", icon=":material/balance:"
        )
        waiting = st.container()
    if not clicked:
        return
    with waiting:
        status = stop_row("stop_contrast")

    def work(cancel: CancelToken, say: Any) -> list[Reasked]:
        return [with_contrast(model, row.reasked, target, cancel) for row in missing]

    def run() -> None:
        for one in Job(model, "reading answers with regions hidden", work).watch(status):
            replaced(workspace, one)

    trouble = trouble_of("reading answers with regions hidden", run)
    if trouble:
        st.text(trouble)
    else:
        st.rerun()


def _table(rows: Sequence[ReaskRow], answer: Answer, target: Target | None, key: str) -> tuple[ReaskRow, ...]:
    """The rows as a table that sorts by any column. Returns those that are marked."""
    patches = len(answer.layout.positions(TokenKind.IMAGE))
    table = pd.DataFrame(
        [
            {
                "region": thumbnail(row.reasked),
                "filled with": ", ".join(FILL_NAMES[fill] for fill in row.fills),
                "patches": len(row.patches),
                "picture": row.hidden,
                **({} if target is None else {"change: target": _rounded(row.change(target))}),
                "change: answer": _rounded(row.reasked.outcome.change),
                "answer": cut(row.reasked.answer.text, LONGEST),
            }
            for row in rows
        ]
    )
    chosen = st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        height=min(HIGHEST, HEAD + LINE * len(rows)),
        row_height=LINE,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        alt="re-asks of this answer",
        column_config={
            "region": st.column_config.ImageColumn(width=96, help="What was hidden, in orange."),
            "filled with": st.column_config.TextColumn(width=110),
            "patches": st.column_config.NumberColumn(
                width=84, help=f"Image tokens that the region covers, of {patches:,}."
            ),
            "picture": st.column_config.NumberColumn(format="percent", width=80, help="The share that was hidden."),
            "change: target": st.column_config.NumberColumn(
                format="%+.3f", width=115, help=f"Change of the target's {_measure(target)}, in nats."
            ),
            "change: answer": st.column_config.NumberColumn(
                format="%+.3f", width=118, help="Change of the whole answer's log-probability, in nats."
            ),
            "answer": st.column_config.TextColumn(width=300, help="What was said then."),
        },
    )
    return tuple(rows[index] for index in chosen["selection"]["rows"] if index < len(rows))


def _rounded(change: float | None) -> float | None:
    """To the digits that are shown; never "-0.00"."""
    return None if change is None else round(change, 3) + 0.0


def _change(row: ReaskRow, target: Target | None) -> float | None:
    return row.reasked.outcome.change if target is None else row.change(target)


def thumbnail(reasked: Reasked) -> str:
    """The first pictures of which something was hidden, small, with the regions: an address that holds them."""
    if reasked not in _small:
        _small[reasked] = data_url(_drawn(reasked), MOST_PICTURES * (SIDE + GAP))
    return _small[reasked]


def _drawn(reasked: Reasked) -> Image.Image:
    question = reasked.answer.question
    regions: dict[int, np.ndarray] = {}
    for mask in ReaskRow(reasked).masks:
        regions[mask.image] = mask.hidden | regions.get(mask.image, np.zeros_like(mask.hidden))
    small = [
        region_overlay(question.images[number], hidden, (), fit(question.images[number].size, SIDE))
        for number, hidden in list(regions.items())[:MOST_PICTURES]
    ]
    drawn = Image.new("RGB", (sum(one.width + GAP for one in small) - GAP, max(one.height for one in small)), "white")
    left = 0
    for one in small:
        drawn.paste(one, (left, 0))
        left += one.width + GAP
    return drawn


def _reopen(workspace: Workspace, answer: Answer, marked: Sequence[ReaskRow]) -> None:
    """Draw the regions of a row as they were, and look at its answer."""
    (row,) = marked
    question = answer.question
    for clip in question.clips:
        workspace.hidden_alike.pop(clip.content, None)
        st.session_state[through_key(clip)] = THROUGH_ONE
    regions: dict[int, np.ndarray] = {}
    for mask in row.masks:
        regions[mask.image] = mask.hidden | regions.get(mask.image, np.zeros_like(mask.hidden))
    fills = {mask.image: mask.fill for mask in row.masks}
    for number in range(len(question.images)):
        draft = draft_of(workspace, question, number)
        hidden = regions.get(number)
        if hidden is not None or draft.hidden.any():
            draft.become(np.zeros_like(draft.hidden) if hidden is None else np.array(hidden))
        draft.fill = fills.get(number, draft.fill)
        draft.snap = False
    workspace.image_number = row.masks[0].image
    workspace.reasked = row.reasked


def _beside(view: ChatView, marked: Sequence[ReaskRow]) -> None:
    view.beside = tuple(row_name(row.reasked) for row in marked)


def _pin(workspace: Workspace, exchange: Exchange, marked: Sequence[ReaskRow]) -> None:
    for row in marked:
        label = hidden_in_words(row.reasked.original.question, row.masks)
        pin(workspace, row.reasked.answer, exchange.images, label=label)


def _remove(workspace: Workspace, view: ChatView, marked: Sequence[ReaskRow]) -> None:
    remove(workspace, [row_name(row.reasked) for row in marked])
    view.tables += 1


def _side_by_side(view: ChatView, one: ReaskRow, other: ReaskRow, target: Target | None) -> None:
    """Both answers against the original one."""
    first, second = _change(one, target), _change(other, target)
    with st.container(border=True, key="reasks_beside"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            same = one.reasked.answer.text == other.reasked.answer.text
            st.markdown(f"**{'The same answer' if same else 'Two answers'} with two regions hidden**")
            st.button("Close", key="end_beside", type="tertiary", on_click=_beside, args=(view, ()))
        if first is not None and second is not None:
            st.text(
                f"The target's {_measure(target)} changes by {change_in_nats(first)} under the first region and by "
                f"{change_in_nats(second)} under the second: {change_in_nats(second - first)} between them."
            )
        with st.container(horizontal=True, gap="large"):
            for row in (one, other):
                with st.container(width=WIDTH):
                    _one(row.reasked)


def _one(reasked: Reasked) -> None:
    original, other = reasked.original, reasked.answer
    masks = ReaskRow(reasked).masks
    st.image(thumbnail(reasked), alt="the region that was hidden")
    st.caption(f"With {escaped(hidden_in_words(original.question, masks))}")
    st.text(other.text or "(no word)")
    columns = aligned_tokens(
        [token.label for token in original.tokens],
        [token.label for token in other.tokens],
        reasked.outcome.changes.tolist(),
    )
    st.altair_chart(aligned_chart(columns, WIDTH), width="content", alt="the original answer and this one")


def csv_text(rows: Sequence[ReaskRow], answer: Answer, target: Target | None) -> str:
    """The table for a file. Its first line is "# " and what it is of, as JSON."""
    whole = target or Target(tuple(range(len(answer.tokens))))
    patches = len(answer.layout.positions(TokenKind.IMAGE))
    names = (
        "hidden",
        "filled with",
        "patches covered",
        "patches of the picture",
        "share of the picture",
        "answer",
        f"change of the target's {_measure(target)} (nats)",
        "change of the whole answer (nats)",
        "seconds",
    )
    lines = (
        (
            row.words,
            ", ".join(FILL_NAMES[fill] for fill in row.fills),
            len(row.patches),
            patches,
            row.hidden,
            row.reasked.answer.text,
            "" if _change(row, target) is None else _change(row, target),
            row.reasked.outcome.change,
            row.reasked.seconds,
        )
        for row in rows
    )
    return csv_table(names, lines, subject(answer, whole))
