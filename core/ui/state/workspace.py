"""What one browser tab is doing, in one typed value that outlives page switches.

Widgets forget their values when their page is left, so whatever matters is copied here. Nothing is
shared between tabs: each has its own `Workspace`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar, cast

import numpy as np
import streamlit as st
from jaxtyping import Bool
from PIL import Image

from ...answer import Answer, Decoding, Fill, Question, Target, Turn
from ...cases.audit import Audit
from ...perturb.reask import Reasked
from ...street.recipe import SceneRecipe
from ...vlm.loading import EMBEDDED, ModelSpec
from .results import ResultCache
from .view import View

MOST_UNDO = 30
_serials = count()


@dataclass(frozen=True, eq=False)
class NamedImage:
    """A picture to ask about; `recipe` when it was drawn, so that a link can name it."""

    image: Image.Image
    name: str
    recipe: SceneRecipe | None = None


@dataclass(eq=False)
class Exchange:
    """One question and what has come of it so far: `said` grows while the answer streams.

    `serial` is never given twice, so that a widget about one answer is not taken for one about another.
    """

    question: Question
    image: NamedImage | None
    said: str = ""
    answer: Answer | None = None
    trouble: str | None = None
    serial: int = field(default_factory=_serials.__next__)


@dataclass(eq=False)
class MaskDraft:
    """The region being drawn on a picture. `strokes` counts edits, so that the canvas starts afresh after each."""

    hidden: Bool[np.ndarray, "height width"]
    snap: bool = False
    fill: Fill = "black"
    strokes: int = 0
    past: list[Bool[np.ndarray, "height width"]] = field(default_factory=list)

    def become(self, hidden: Bool[np.ndarray, "height width"]) -> None:
        """Replace the region, keeping the former one for undo."""
        self.past = [*self.past[-MOST_UNDO + 1 :], self.hidden]
        self.hidden = hidden
        self.strokes += 1

    def undo(self) -> None:
        if self.past:
            self.hidden = self.past.pop()
            self.strokes += 1


AnyView = TypeVar("AnyView", bound=View)


@dataclass(eq=False)
class Workspace:
    """Everything a tab holds. `inspected` is the exchange whose answer the explorers are about; `pointed` is the one
    that an explorer has already proposed a target for. `image_number` is the picture of the inspected answer's
    question that pages draw, where it has several; None for the last. `results` are what took time to find out."""

    spec: ModelSpec = EMBEDDED
    asked_spec: ModelSpec | None = None
    model_trouble: str | None = None
    image: NamedImage | None = None
    image_trouble: str | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    inspected: Exchange | None = None
    target: Target | None = None
    pointed: Exchange | None = None
    image_number: int | None = None
    decoding: Decoding = field(default_factory=Decoding)
    editing: int | None = None
    to_ask: Question | None = None
    offered: str | None = None
    mask: MaskDraft | None = None
    reasked: Reasked | None = None
    phrasings: list[str] = field(default_factory=list)
    compared: Audit | None = None
    linked: bool = False
    results: ResultCache = field(default_factory=ResultCache)
    _views: dict[type[View], View] = field(default_factory=dict, init=False, repr=False)

    def view(self, kind: type[AnyView]) -> AnyView:
        """What the tab keeps of a page, or of a section that pages share; begun when it is first asked for."""
        if kind not in self._views:
            self._views[kind] = kind(self.results)
        return cast(AnyView, self._views[kind])

    @property
    def answer(self) -> Answer | None:
        """The answer being looked into, or None while there is none."""
        return self.inspected.answer if self.inspected else None

    @property
    def shown_image(self) -> int:
        """The number of the picture that pages draw of the inspected answer's question."""
        last = len(self.answer.question.images) - 1 if self.answer else 0
        return last if self.image_number is None else min(self.image_number, last)

    def inspect(self, exchange: Exchange | None) -> None:
        """Look into another answer. The target names tokens of the former one, so it goes."""
        self.inspected = exchange
        self.target = None
        self.image_number = None

    def history(self) -> tuple[Turn, ...]:
        """The finished exchanges about the present picture that come right before the next question."""
        turns: list[Turn] = []
        for exchange in reversed(self.exchanges):
            if exchange.image is not self.image:
                break
            if exchange.answer is not None and exchange.answer.text:
                turns.append(Turn(exchange.question.text, exchange.answer.text))
        return tuple(reversed(turns))

    def question(self, text: str) -> Question:
        """`text` asked of the present picture, as the next turn of the conversation."""
        images = (self.image.image,) if self.image else ()
        return Question(text=text, images=images, history=self.history(), decoding=self.decoding)

    def ask(self, text: str) -> None:
        """Note down that `text` is to be asked of the present picture; Chat asks it once the page is drawn."""
        self.to_ask = self.question(text.strip())

    def choose_image(self, image: NamedImage | None) -> None:
        """Ask about another picture (or without one) from now on; the conversation stays."""
        self.image = image
        self.image_trouble = None
        self.offered = None
        self.phrasings = []
        self.compared = None

    def mask_for(self, image: Image.Image) -> MaskDraft:
        """The region drawn on an image; an empty one where there is none of its size."""
        shape = (image.height, image.width)
        if self.mask is None or self.mask.hidden.shape != shape:
            self.mask = MaskDraft(np.zeros(shape, bool))
        return self.mask

    def cut(self, index: int) -> None:
        """Drop the exchange at `index` and all later ones."""
        dropped = self.exchanges[index:]
        self.exchanges = self.exchanges[:index]
        self.editing = None
        if self.inspected in dropped:
            answered = [exchange for exchange in self.exchanges if exchange.answer]
            self.inspect(answered[-1] if answered else None)


def current_workspace() -> Workspace:
    """This tab's workspace."""
    workspace = st.session_state.setdefault("workspace", Workspace())
    assert isinstance(workspace, Workspace)
    return workspace
