"""Two views of attention rows: all heads of a layer as small pictures, and which words look at some patches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...attention.measures import by_key, measured
from ...attention.rows import Rows, nanmean
from ...attention.words import Word, answer_words, attention_to_patches, question_words, where_heads_look
from ...charts.heads import SmallImage, gallery, word_table
from ...charts.heat_images import heat_images
from ...charts.heatmap import OPACITY, scale_of
from ...mechanisms.results import Row
from ..case import Case
from ..code import CannotBeWritten
from ..drawing import Chart
from ..figure import Figure
from ._shared import sentences

SIZE, WIDTH = 101, 664
"""Pixels of a small picture and of all of a line, as on the page."""
GALLERY, TO_PATCHES = "gallery", "to patches"
"""What `view` may be among what the rows are of."""


def gallery_figure(case: Case, rows: Rows, whose: str, apart: str) -> Figure:
    """A small picture for each of `heads` of a `layer`, in that order, with its figure of a `measure`."""
    about, answer = case.about, case.answer
    layer, heads = int(case.wanted("layer")), [int(head) for head in case.wanted("heads")]
    measure = by_key(str(case.wanted("measure")))
    figures = measured(rows, answer.layout, measure.key, tuple(about.get("patches") or ()))[layer]
    looks = where_heads_look(rows, layer)
    said = [f"{figures[head]:.0%}" if measure.share else f"{figures[head]:.2f}" for head in heads]
    lines: list[Row] = [{"head": head, measure.name: float(figures[head])} for head in heads]

    def draw() -> alt.TopLevelMixin:
        patches = [position for view in answer.layout.views for position in view.positions]
        image = about.get("image")
        drawn = heat_images(
            answer.question.images,
            answer.layout,
            [looks[head] for head in heads],
            size=SIZE,
            scales=[scale_of(looks[:, patches])] * len(heads) if about.get("common") else None,
            opacity=float(about.get("opacity", OPACITY)),
            only=None if image is None else (int(image),),
        )
        small = [
            SmallImage(picture, f"head {head} · {figure}", (layer, head))
            for head, figure, picture in zip(heads, said, drawn, strict=True)
        ]
        return gallery(small, width=WIDTH)

    colours = "One scale for all." if about.get("common") else "Each head on its own scale."
    return Figure(
        f"Where each head of layer {layer} looks {whose}",
        sentences(f"With each head's {measure.name}.", colours, apart),
        {"figures": figures[heads], "looks": looks[heads]},
        Chart(draw),
        lines,
    )


def to_patches_figure(case: Case, rows: Rows, apart: str) -> Figure:
    """How much each word's attention lies on `patches`, in every layer, or in every head of one `layer`. The first
    `of_question` rows are of words of the question, the others predict tokens of the answer."""
    patches, positions = tuple(case.wanted("patches")), list(case.wanted("positions"))
    asked = int(case.about.get("of_question", 0))
    words, queries = _words(case.answer, positions[:asked], positions[asked:])
    if not words:
        raise CannotBeWritten("None of the words that looked is here.")
    table = attention_to_patches(rows, patches, queries)
    layer = case.about.get("layer")
    by_head = isinstance(layer, int)
    values: Float[np.ndarray, "word column"] = (table[int(layer)] if by_head else nanmean(table, 1)).T  # type: ignore[arg-type]
    columns = [f"{'H' if by_head else 'L'}{number}" for number in range(values.shape[1])]
    target = set(case.target.tokens) if case.target else set()
    start = len(case.answer.prompt_tokens)
    marked = {
        index
        for index, word in enumerate(words)
        if word.said and any(position - start in target for position in word.positions)
    }
    looked_at = "head" if by_head else "layer"
    draw = partial(word_table, [word.text for word in words], columns, values, looked_at=looked_at, marked=marked)
    lines: list[Row] = [
        {"word": word.text, **dict(zip(columns, map(float, line), strict=True))}
        for word, line in zip(words, values, strict=True)
    ]
    where = f"layer {layer}" if by_head else "every layer (the mean of its heads)"
    many = "1 patch" if len(patches) == 1 else f"{len(patches)} patches"
    caption = (
        "First the question's words, while each was read; then the answer's, while each was chosen; ▸ is the target."
    )
    return Figure(f"Attention to {many}: {where}", sentences(caption, apart), {"looks": values}, Chart(draw), lines)


def _words(answer: Answer, read: Sequence[int], predicting: Sequence[int]) -> tuple[tuple[Word, ...], list[list[int]]]:
    """The words whose rows are here, each with the places of its rows."""
    start = len(answer.prompt_tokens)
    places = {position: place for place, position in enumerate(read)}
    chosen = {position: len(read) + place for place, position in enumerate(predicting)}
    found: list[tuple[Word, list[int]]] = [
        *((word, [places[one] for one in word.positions if one in places]) for word in question_words(answer)),
        *(
            (word, [chosen[at] for one in word.positions if (at := answer.predicting_position(one - start)) in chosen])
            for word in answer_words(answer)
        ),
    ]
    there = [(word, rows) for word, rows in found if rows]
    return tuple(word for word, _ in there), [rows for _, rows in there]
