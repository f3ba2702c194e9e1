"""What the Attention Explorer shows, kept when the page is left; and rows that took a pass of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from ...answer import Answer, Head
from ...attention.sink_origin import SinkOrigin
from ...attention.sinks import SinkKind, Sinks
from ...attention.tower import TowerFigures
from ...attention.words import question_words
from ...charts.heatmap import Drawing
from ...runs import kinds as runs
from ...runs.identity import answer_id
from ...vlm.model import ModelCard
from ..jobs.page import PageView
from ..state.results import Kept, Kind

Lens = Literal["All heads of a layer", "Who looks at these patches", "Question and answer words", "Vision tower"]
Direction = Literal["where it looks", "who looks at it"]
MOST_BYTES = 2**28
"""Of rows kept for one tab."""


@dataclass(frozen=True, eq=False)
class KeptFigures:
    """Figures of a tower's heads; None where it is not known which of its places became image tokens."""

    figures: TowerFigures | None


ROWS = Kind[Tensor](
    MOST_BYTES,
    lambda rows: rows.numel() * rows.element_size(),
    Kept(runs.ATTENTION_ROWS, about=lambda key: {"positions": key[1]}),
)
"""Rows of the question's words, by answer and positions, as long as the layout."""
TOWER_LOOKS = Kind[np.ndarray](
    100,
    run=Kept(
        runs.TOWER_LOOKS,
        about=lambda key: {"image": key[1], "head": key[2], "patches": key[3], "received": key[4]},
    ),
)
"""By answer, picture, head, patches (places of the tower) and whether it is who looks at them."""
_TOWER = Kept[KeptFigures](
    runs.TOWER,
    lambda kept: (kept.figures, None),
    lambda figures, seconds: KeptFigures(figures),
    lambda key: {"image": key[2]},
)
TOWER = Kind[KeptFigures](20, run=_TOWER)
SINKS = Kind[Sinks](100, run=Kept(runs.SINKS))
ORIGINS = Kind[tuple[SinkOrigin, ...]](100, run=Kept(runs.SINK_ORIGINS, about=lambda key: {}))
"""By answer: where its sink patches come from."""


HEAD_FIGURES = Kind[np.ndarray](64)
"""By rows, measure and patches: the figures of all heads."""
LOOKS = Kind[np.ndarray](16)
"""By rows and head: where it looks. Both read the rows of all heads, which are as many as the answer has tokens."""


@dataclass(eq=False)
class AttentionView(PageView):
    """What is chosen on the page. `head` None is the mean over all; `patches` are sequence positions, `word` is the
    question word whose rows are shown in place of the target's; both belong to `answer` and go with it, the word to the
    answer that is called `word_of` in a run. `layer` is -1 before an answer was seen. `left_out` are kinds of
    sinks."""

    kept: ClassVar = (
        *("measure", "head", "patches", "word", "word_of", "left_out", "opacity", "lens", "layer", "tower_head"),
    )

    answer: Answer | None = None
    measure: str = "image"
    head: Head | None = None
    patches: tuple[int, ...] = ()
    word: int | None = None
    word_of: str = ""
    left_out: tuple[SinkKind, ...] = ()
    opacity: float = 0.6
    drawing: Drawing = "over"
    lens: Lens = "All heads of a layer"
    layer: int = -1
    tower_head: Head | None = None

    def about(self, answer: Answer, card: ModelCard) -> None:
        """Look at an answer. What names places of another one is let go; a head the model lacks as well. To begin with
        the last layer with attention is looked at, whose heads look at what is about to be said."""
        last = max(card.attention_layers, default=card.layers - 1)
        if self.layer < 0:
            self.layer = last
        if self.answer is None:
            # Those of a run are from a file.
            self.patches = tuple(patch for patch in self.patches if 0 <= patch < len(answer.layout))
        if self.answer is not None and answer.layout.views != self.answer.layout.views:
            self.patches = ()
        asked = answer_id(answer)
        if self.word_of != asked or not 0 <= (self.word or 0) < len(question_words(answer)):
            self.word, self.word_of = None, asked
        if answer is not self.answer:
            self.jobs.stopped.clear()
        if self.head is not None and (self.head[0] not in card.attention_layers or not 0 <= self.head[1] < card.heads):
            self.head = None
        self.layer = self.layer if self.layer < card.layers else last
        self.answer = answer

    def choose(self, head: Head) -> None:
        """Look at one head; the same again looks at all."""
        self.head = None if head == self.head else head
        if self.head is not None:
            self.layer = self.head[0]

    def toggle(self, patch: int) -> None:
        """Add a patch to the selected ones, or take it out."""
        self.patches = tuple(sorted(set(self.patches) ^ {patch}))
