"""Attention of some positions, head by head."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from ...answer import Target, TokenKind
from ...attention.measures import measured
from ...attention.rows import Rows, nanmean
from ...attention.words import question_words, word_to_word
from ...charts.heads import head_name, word_table
from ...charts.tokens import visible
from ...mechanisms.results import HeadValues, PositionValues, Row
from ..base import Renderer
from ..case import Case, named
from ..code import CannotBeWritten, Code, Writer
from ..drawing import Chart
from ..figure import Figure
from ..shapes import shape_figure
from ._looks import GALLERY, TO_PATCHES, gallery_figure, to_patches_figure
from ._shared import head_in, sentences, took

MOST_WORDS = 20


class Looks(Renderer):
    """How much each head looks at the picture from some positions, and where all heads look. A `view` among what the
    case is about is one figure alone (`_looks`)."""

    key = "attention_rows"
    name = "Attention"

    def figures(self, case: Case) -> Sequence[Figure]:
        left_out, head = _left_out(case), case.about.get("head")
        layout = case.answer.layout
        # (a layout may go on after the sequence, and one pass's rows do not)
        result = torch.nn.functional.pad(case.result, (0, max(0, len(layout) - case.result.shape[3])))
        rows = Rows(result, tuple(range(result.shape[2])), left_out)
        whose = _whose(case)
        where = nanmean(rows.looks(None if head is None else head_in(head)), 0)
        who = "all heads look" if head is None else f"head {head_name(head_in(head))} looks"
        mean = "layers, heads and positions" if head is None else "positions"
        apart = f"Without {len(left_out)} positions, the rest made to sum to one." if left_out else ""
        if case.about.get("view") == GALLERY:
            return [gallery_figure(case, rows, whose, apart)]
        if case.about.get("view") == TO_PATCHES:
            return [to_patches_figure(case, rows, apart)]
        figures = [
            shape_figure(
                case.answer,
                PositionValues(f"Where {who} {whose}", where, "attention", signed=False, testable=False),
                sentences(f"The mean over {mean}.", apart, took(case.seconds)),
            )
        ]
        if layout.positions(TokenKind.IMAGE):
            share = HeadValues(
                f"How much of each head's attention lies on the picture {whose}",
                measured(rows, layout, "image"),
                "share",
                False,
            )
            figures.insert(0, shape_figure(case.answer, share, sentences("The mean over positions.", apart)))
        return [*figures, *_words(case, rows, apart)]

    def code(self, case: Case, write: Writer) -> Code:
        positions = case.wanted("positions")
        if not positions or not all(isinstance(one, int) for one in positions):
            raise CannotBeWritten("It is not kept with the result whose attention it is.")
        return Code((f"result = model.attention_rows(answer, {write.literal(list(positions))}).cpu()",))


def _words(case: Case, rows: Rows, apart: str) -> list[Figure]:
    """How much words of the question look at each other, where it is their attention."""
    answer, positions = case.answer, list(case.about.get("positions") or ())
    words = [word for word in question_words(answer) if set(word.positions) <= set(positions)][-MOST_WORDS:]
    if len(words) < 2:
        return []
    keys, names = [word.positions for word in words], [word.text for word in words]
    for name, kind in (("the picture", TokenKind.IMAGE), ("template", TokenKind.SPECIAL)):
        if others := answer.layout.positions(kind):
            keys, names = [*keys, others], [*names, name]
    head = case.about.get("head")
    queries = [[positions.index(one) for one in word.positions] for word in words]
    table = word_to_word(rows.looks(None if head is None else head_in(head)), queries, keys)
    for row in range(len(words)):
        table[row, row + 1 : len(words)] = np.nan  # no word looks at what comes after it
    chart = Chart(partial(word_table, names[: len(words)], names, table, looked_at="looks at"))
    lines: list[Row] = [
        {"word": words[row].text, "looks at": name, "attention": float(value)}
        for row, line in enumerate(table)
        for name, value in zip(names, line, strict=True)
    ]
    caption = sentences("Words of the question (rows) while they were read: how much each looks at each.", apart)
    return [Figure("Words looking at words", caption, {"looks": table}, chart, lines)]


def _left_out(case: Case) -> tuple[int, ...]:
    """Positions that count as if they could not be looked at."""
    left_out = case.about.get("left_out") or ()
    return tuple(one for one in left_out if isinstance(one, int) and 0 <= one < case.result.shape[3])


def _whose(case: Case) -> str:
    """Whose attention it is: that of the rows that predict tokens of the answer, or of words that were read."""
    answer, positions = case.answer, case.about.get("positions")
    if not positions or not all(isinstance(one, int) for one in positions):
        return "from some positions"
    tokens = tuple(one - len(answer.prompt_tokens) + 1 for one in positions)
    if all(0 <= token < len(answer.tokens) for token in tokens):
        return f"while {named(answer, Target(tokens))} is predicted"
    labels = answer.labels
    words = ", ".join(f"“{visible(labels[one])}”" for one in positions[:4] if 0 <= one < len(labels))
    return f"from {words}{' …' if len(positions) > 4 else ''}"
