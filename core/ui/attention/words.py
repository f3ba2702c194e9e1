"""Words looking at words: the question's at each other, the answer's at the question's and at what was said."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float
from torch import Tensor

from ...answer import TokenKind
from ...attention.rows import Rows
from ...attention.words import Word, answer_words, question_words, word_to_word
from ...charts.heads import head_name, word_table
from ...charts.tokens import visible
from ...runs.kinds import ATTENTION_ROWS
from ...vlm.model import VisionLanguageModel
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.clicks import Entry, clickable
from ..widgets.scripts import Made, copy_script
from ..widgets.taken_charts import save_chart
from .subject import Subject, question_queries, question_rows
from .view import AttentionView

MOST_WORDS = 20
WIDTH = 560
"""Words of the question and of the answer at most, and pixels for all columns together."""
PICTURE, REST = "the picture", "template"


def words_panel(view: AttentionView, model: VisionLanguageModel, subject: Subject) -> None:
    """The table of the chosen head, or of the mean. A click on a question word's row shows its looks above."""
    answer = subject.answer
    rows = question_rows(view, model, answer)
    if rows is None:
        return
    asked, said, note = shown_words(subject)
    names, table = _looks(view, model, subject, rows, asked, said)
    marked = {len(asked) + i for i, word in enumerate(said) if in_target(word, subject)} | (
        {asked.index(question_words(answer)[view.word])} if subject.of_question and view.word is not None else set()
    )

    def choose(row: int) -> None:
        view.word = question_words(answer).index(asked[row]) if row < len(asked) else None

    def clicked(entry: Entry) -> None:
        choose(int(entry["word"]))

    chart = word_table(
        [word.text for word in (*asked, *said)],
        names,
        table,
        looked_at="looks at",
        marked=marked,
        click="word",
        cell=min(38, WIDTH // len(names)),
    )
    clickable(chart, "word", "attention_words", clicked, "how much each word looks at each other")
    texts = [word.text for word in (*asked, *said)]
    rows_said = [f"{row + 1}: {visible(text)}" for row, text in enumerate(texts)]
    one_by_keyboard("Word", range(len(texts)), None, choose, f"words_keys_{len(texts)}", rows_said.__getitem__)
    lines = [
        {"word": word.text, "looks at": name, "attention": float(figure)}
        for word, figures in zip((*asked, *said), table, strict=True)
        for name, figure in zip(names, figures, strict=True)
    ]
    with st.container(horizontal=True, gap="small"):
        save_chart(chart, "words-looking-at-words", "save_words", lines)
        copy_script(answer, Made(ATTENTION_ROWS, rows, {"positions": question_queries(answer, model)}), "words")
    look = ""
    if answer.layout.views:
        look = "Click a question word's row to see on the picture where it looked; ▸ is what the picture shows. "
    st.caption(
        f"Attention of each word (row) to each word (column), {head_name(view.head)}{subject.said()}. Question words "
        "are shown while they were read, answer words while they were chosen, before they stood there themselves. "
        f"{look}{note}"
    )


def _looks(
    view: AttentionView,
    model: VisionLanguageModel,
    subject: Subject,
    rows: Tensor,
    asked: tuple[Word, ...],
    said: tuple[Word, ...],
) -> tuple[list[str], Float[np.ndarray, "word column"]]:
    """What can be looked at (the words, the picture, the template), and how much each word looks at it."""
    answer = subject.answer
    queries = question_queries(answer, model)
    start = len(answer.prompt_tokens)
    tokens = [position - start for word in said for position in word.positions]
    looks = np.concatenate(
        [
            Rows(rows, tuple(range(len(queries))), subject.left_out).looks(view.head),
            subject.said_rows(tokens).looks(view.head),
        ]
    )
    groups = [[queries.index(p) for p in word.positions if p in queries] for word in asked]
    groups += [[len(queries) + tokens.index(p - start) for p in word.positions] for word in said]
    keys = [word.positions for word in (*asked, *said)]
    names = [word.text for word in (*asked, *said)]
    for name, kind in ((PICTURE, TokenKind.IMAGE), (REST, TokenKind.SPECIAL)):
        if positions := answer.layout.positions(kind):
            keys, names = [*keys, positions], [*names, name]
    table = word_to_word(looks, groups, keys)
    # A word cannot look at what comes after it.
    for row, word in enumerate((*asked, *said)):
        for column, key in enumerate(keys[: len(asked) + len(said)]):
            if min(key) > max(word.positions) - (row >= len(asked)):
                table[row, column] = np.nan
    return names, table


def shown_words(subject: Subject) -> tuple[tuple[Word, ...], tuple[Word, ...], str]:
    """The words of question and answer that a table shows, and what to say where it is not all of them."""
    start, at_hand = len(subject.answer.prompt_tokens), set(subject.held.tokens)
    asked = question_words(subject.answer)
    # Words of which not every row is at hand are left out.
    said = tuple(
        word for word in answer_words(subject.answer) if all(position - start in at_hand for position in word.positions)
    )
    note = ""
    if len(asked) > MOST_WORDS:
        asked, note = asked[-MOST_WORDS:], f"Only the question's last {MOST_WORDS} words are shown. "
    if len(said) > MOST_WORDS:
        first = 0 if subject.of_question else subject.tokens[0] + start
        place = next((i for i, word in enumerate(said) if first <= word.positions[-1]), 0)
        left = min(max(0, place - MOST_WORDS // 2), len(said) - MOST_WORDS)
        said = said[left : left + MOST_WORDS]
        note += f"Of the answer, the {MOST_WORDS} words about the target are shown."
    return asked, said, note


def in_target(word: Word, subject: Subject) -> bool:
    """Whether the word is of the answer's part that the subject is about."""
    start = len(subject.answer.prompt_tokens)
    return any(position - start in subject.tokens for position in word.positions)
