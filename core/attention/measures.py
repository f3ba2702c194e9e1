"""One figure for each head: how much it looks at the picture, the question, chosen patches; how spread out.

Each is the mean over the queries of a figure of one row. Entropies are in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Head, TokenKind, TokenLayout
from .rows import Rows, nanmean


@dataclass(frozen=True)
class Measure:
    """A figure of a row, as a page offers it. `share`: it is a part of one, shown in per cent."""

    key: str
    name: str
    help: str
    share: bool = True


MEASURES = (
    Measure("image", "picture share", "The part of the head's attention that lies on image tokens."),
    Measure("question", "question share", "The part that lies on the words that were typed."),
    Measure("answer", "earlier answer share", "The part that lies on the answer's own earlier tokens."),
    Measure("template", "template share", "The part that lies on template and control tokens, the first one included."),
    Measure("patches", "selected patches", "The part that lies on the patches you clicked."),
    Measure(
        "entropy",
        "entropy",
        "0: one position gets everything. Higher: attention is spread over more positions (in nats).",
        share=False,
    ),
    Measure(
        "focus",
        "focus in the picture",
        "1: all attention to the picture is on one patch. 0: every patch gets the same. One minus the entropy among "
        "image tokens, divided by that of an even spread.",
        share=False,
    ),
)

KINDS = {
    "image": TokenKind.IMAGE,
    "question": TokenKind.TEXT,
    "answer": TokenKind.ANSWER,
    "template": TokenKind.SPECIAL,
}


def by_key(key: str) -> Measure:
    return next(measure for measure in MEASURES if measure.key == key)


def measured(
    rows: Rows, layout: TokenLayout, key: str, patches: Sequence[int] = ()
) -> Float[np.ndarray, "layers heads"]:
    """The measure `key` of every head. `patches` are sequence positions and matter to "patches" alone; NaN where a
    head has no row that says anything."""
    figure = _figure(layout, key, patches)
    return np.stack([nanmean(figure(layer), -1) for layer in rows.all_layers()])


def _figure(
    layout: TokenLayout, key: str, patches: Sequence[int]
) -> Callable[[Float[np.ndarray, "*row position"]], Float[np.ndarray, "*row"]]:
    if key == "entropy":
        return entropy
    image = list(layout.positions(TokenKind.IMAGE))
    if key == "focus":
        return lambda rows: focus(rows[..., image])
    wanted = list(patches) if key == "patches" else list(layout.positions(KINDS[key]))
    return lambda rows: rows[..., wanted].sum(-1)


def entropy(rows: Float[np.ndarray, "*row position"]) -> Float[np.ndarray, "*row"]:
    """-sum p ln p of each row, in nats, where 0 ln 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(rows == 0, 0, rows * np.log(rows))
    result: Float[np.ndarray, "*row"] = -terms.sum(-1)
    return result


def focus(rows: Float[np.ndarray, "*row place"]) -> Float[np.ndarray, "*row"]:
    """1 - entropy / ln(places) of each row made to sum to one; NaN for rows of nothing or of one place."""
    total = rows.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - entropy(np.where(total > 0, rows / total, np.nan)) / np.log(rows.shape[-1])


def ranked(figures: Float[np.ndarray, "layers heads"], most: int) -> list[tuple[Head, float]]:
    """The `most` heads with the greatest figures, greatest first; heads without a figure are left out."""
    flat = figures.ravel()
    order = np.argsort(np.where(np.isfinite(flat), -flat, np.inf), kind="stable")[:most]
    return [
        ((int(index) // figures.shape[1], int(index) % figures.shape[1]), float(flat[index]))
        for index in order
        if np.isfinite(flat[index])
    ]
