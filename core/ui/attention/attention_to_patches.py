"""Who looks at the selected patches: words of the question and the answer, per layer or per head."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from torch import Tensor

from ...attention.rows import Rows, nanmean
from ...attention.words import Word, attention_to_patches
from ...charts.heads import word_bars, word_table
from ...vlm.model import VisionLanguageModel
from ..widgets.layers import without_rows
from ..widgets.scripts import copy_script
from ..widgets.taken_charts import save_chart
from .gallery import layer_choice
from .made import words_made
from .subject import Subject, question_queries, question_rows
from .view import AttentionView
from .words import in_target, shown_words

LAYERS, HEADS = "every layer (mean of its heads)", "the heads of one layer"
WIDTH = 540


def attention_to_patches_panel(view: AttentionView, model: VisionLanguageModel, subject: Subject) -> None:
    """A row for each word. Asks for patches first where none is selected."""
    if not view.patches:
        st.info(
            "Click one or several patches on the picture above: then you see who looks at them.",
            icon=":material/ads_click:",
        )
        return
    answer = subject.answer
    rows = question_rows(view, model, answer)
    if rows is None:
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        by = st.segmented_control(
            "Columns",
            [LAYERS, HEADS],
            default=LAYERS,
            required=True,
            key="attention_by",
            persist_state="session",
            wrap=True,
        )
        if by == HEADS:
            layer_choice(view, subject.rows.layers)
    if by == HEADS and view.layer in subject.rows.without:
        st.info(without_rows(view.layer, subject.rows), icon=":material/blur_off:")
        return
    asked, said, note = shown_words(subject)
    parts = (_asked(view, model, subject, rows, asked), _said(view, subject, said))
    table = np.concatenate([part for part in parts if part.shape[-1]], axis=-1)
    words = [word.text for word in (*asked, *said)]
    values = (table[view.layer] if by == HEADS else nanmean(table, 1)).T
    columns = [f"H{head}" if by == HEADS else f"L{head}" for head in range(values.shape[1])]
    target = {len(asked) + i for i, word in enumerate(said) if in_target(word, subject)}
    cell = max(12, min(40, WIDTH // len(columns)))
    with st.container(horizontal=True, gap="large"):
        with st.container(width=cell * len(columns) + 180):
            chart = word_table(
                words, columns, values, looked_at="layer" if by == LAYERS else "head", marked=target, cell=cell
            )
            st.altair_chart(chart, width="content", alt="attention of each word to the selected patches")
        with st.container(width=230):
            st.caption("Mean over all heads")
            mean = nanmean(table.reshape(-1, table.shape[-1]), 0)
            st.altair_chart(
                word_bars(words, mean, title="attention", width=110), width="content", alt="words in reading order"
            )
    lines = [
        {"word": word, **dict(zip(columns, map(float, figures), strict=True))}
        for word, figures in zip(words, values, strict=True)
    ]
    about: dict[str, object] = {"view": "to patches", "patches": view.patches}
    if by == HEADS:
        about["layer"] = view.layer
    with st.container(horizontal=True, gap="small"):
        save_chart(chart, "attention-to-patches", "save_to_patches", lines)
        queries = question_queries(answer, model)
        copy_script(answer, partial(words_made, subject, rows, queries, asked, said, about), "to_patches")
    number = len(view.patches)
    even = number / len(answer.layout)
    st.caption(
        f"Attention to the {number} selected patch{'es' * (number > 1)} (an even spread would give about {even:.1%})"
        f"{subject.said()}. First the question's words, while each was read; then the answer's, while each was chosen; "
        f"▸ is the target. {note}"
    )


def _asked(
    view: AttentionView, model: VisionLanguageModel, subject: Subject, rows: Tensor, words: tuple[Word, ...]
) -> np.ndarray:
    queries = question_queries(subject.answer, model)
    groups = [[queries.index(position) for position in word.positions if position in queries] for word in words]
    if not words:
        return np.zeros((*rows.shape[:2], 0), np.float32)
    return attention_to_patches(Rows(rows, tuple(range(len(queries))), subject.left_out), view.patches, groups)


def _said(view: AttentionView, subject: Subject, words: tuple[Word, ...]) -> np.ndarray:
    start = len(subject.answer.prompt_tokens)
    tokens = [position - start for word in words for position in word.positions]
    rows = subject.said_rows(tokens)
    return attention_to_patches(
        rows, view.patches, [[tokens.index(p - start) for p in word.positions] for word in words]
    )
