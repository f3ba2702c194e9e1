"""What the Attention Explorer shows, kept when the page is left; and rows that took a pass of the model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from ...answer import Answer, Head
from ...attention.sinks import SinkKind
from ..jobs.deferred import Deferred

Lens = Literal["All heads of a layer", "Who looks at these patches", "Question and answer words", "Vision tower"]
Direction = Literal["where it looks", "who looks at it"]
MOST_BYTES = 2**28
"""Of rows kept for one tab. The last result is kept whatever its size."""


@dataclass(eq=False)
class AttentionView:
    """What is chosen on the page. `head` None is the mean over all; `patches` are sequence positions, `word` is the
    question word whose rows are shown in place of the target's; both belong to `answer` and go with it. `left_out`
    are kinds of sinks; `stopped` says of work that was stopped or failed what happened."""

    answer: Answer | None = None
    measure: str = "image"
    head: Head | None = None
    patches: tuple[int, ...] = ()
    word: int | None = None
    left_out: tuple[SinkKind, ...] = ()
    opacity: float = 0.6
    lens: Lens = "All heads of a layer"
    layer: int = 0
    tower_head: Head | None = None
    stopped: dict[Hashable, str] = field(default_factory=dict)
    kept: OrderedDict[object, Tensor | None] = field(default_factory=OrderedDict)
    deferred: Deferred = field(default_factory=Deferred)

    def about(self, answer: Answer, layers: int, heads: int) -> None:
        """Look at an answer. What names places of another one is let go; a head the model lacks as well. To begin with
        the last layer is looked at, whose heads look at what is about to be said."""
        if self.answer is None:
            self.layer = layers - 1
        if self.answer is not None and answer.layout.views != self.answer.layout.views:
            self.patches = ()
        if answer is not self.answer:
            self.word = None
            self.stopped.clear()
        if self.head is not None and (self.head[0] >= layers or self.head[1] >= heads):
            self.head = None
        self.layer = min(self.layer, layers - 1)
        self.answer = answer

    def choose(self, head: Head) -> None:
        """Look at one head; the same again looks at all."""
        self.head = None if head == self.head else head
        if self.head is not None:
            self.layer = self.head[0]

    def toggle(self, patch: int) -> None:
        """Add a patch to the selected ones, or take it out."""
        self.patches = tuple(sorted(set(self.patches) ^ {patch}))

    def keep(self, key: object, rows: Tensor | None) -> None:
        """Remember rows, and forget the oldest where they are too many."""
        self.kept[key] = rows
        self.kept.move_to_end(key)
        while len(self.kept) > 1 and sum(map(_size, self.kept.values())) > MOST_BYTES:
            self.kept.popitem(last=False)


def _size(rows: Tensor | None) -> int:
    return 0 if rows is None else rows.numel() * rows.element_size()
