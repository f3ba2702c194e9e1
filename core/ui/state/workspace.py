"""What one browser tab is doing, in one typed value that outlives page switches.

Widgets forget their values when their page is left, so whatever matters is copied here. Nothing is
shared between tabs: each has its own `Workspace`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from itertools import count
from typing import TypeVar, cast

import numpy as np
import streamlit as st
from jaxtyping import Bool
from PIL import Image

from ...answer import Answer, Decoding, Fill, Question, Target, Turn
from ...cases.audit import Audit
from ...charts.heatmap import Drawing
from ...clips import Clip, Video
from ...perturb.reask import Reasked
from ...runs.identity import new_turn_id
from ...runs.manifest import Why
from ...runs.reasks import ReaskRow
from ...street.recipe import SceneRecipe
from ...vlm.keeping import KeepRows
from ...vlm.loading import EMBEDDED, ModelSpec
from .choices import restore_view
from .keeper import RunKeeper
from .pin import Pin
from .results import ResultCache
from .tabs import this_tab
from .view import View

MOST_UNDO = 30
MOST_IMAGES = 12
"""Pictures and videos of one question."""
MOST_FRAMES = 4096
"""Of one video."""
_serials = count()
RegionKey = tuple[int, tuple[int, int]]
"""Of which picture a region is: its number in the question, and its width and height."""


@dataclass(frozen=True, eq=False)
class NamedImage:
    """A picture to ask about; `recipe` when it was drawn, so that a link can name it. Or a `video`, with its first
    frame as its picture. `note` says what was done to it when it was opened."""

    image: Image.Image
    name: str
    recipe: SceneRecipe | None = None
    video: Video | None = None
    note: str = ""

    @property
    def visual(self) -> Image.Image | Video:
        """What a question is given of it."""
        return self.video or self.image


@dataclass(eq=False)
class Exchange:
    """One question and what has come of it so far: `said` grows while the answer streams.

    `serial` is never given twice, so that a widget about one answer is not taken for one about another. `target` is
    the part of its answer that pages are about. `ending` waits for the end of the work on its answer, while there is
    some. `id` names it among the turns of the run; `made` is when it was asked, in seconds since 1970.
    """

    question: Question
    images: tuple[NamedImage, ...]
    said: str = ""
    answer: Answer | None = None
    trouble: str | None = None
    target: Target | None = None
    ending: Callable[[], object] | None = None
    serial: int = field(default_factory=_serials.__next__)
    id: str = field(default_factory=new_turn_id)
    made: float = field(default_factory=time.time)

    @property
    def image(self) -> NamedImage | None:
        """The last of its pictures; None where it has none."""
        return self.images[-1] if self.images else None


@dataclass(frozen=True, eq=False)
class Left:
    """A conversation that was left by Edit or Clear and can be brought back: its turns by their ids, what was asked in
    them, and the exchanges themselves, unless these are still on the disk."""

    why: Why
    ids: tuple[str, ...]
    questions: tuple[str, ...]
    exchanges: tuple[Exchange, ...] | None = None


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

    @property
    def untouched(self) -> bool:
        """Whether nothing was drawn or chosen."""
        return not (self.past or self.snap or self.fill != "black" or self.hidden.any())


AnyView = TypeVar("AnyView", bound=View)


@dataclass(eq=False)
class Workspace:
    """Everything a tab holds. `inspected` is the exchange whose answer the explorers are about. With `several`,
    a click on a token adds to the target. `image_number` is the picture of the inspected answer's
    question that pages draw, where it has several; None for the last, or, of a video, its first frame. `images` are
    what the next question is about; a picture that is chosen takes their place, or comes `beside` them. Of a video
    `frames` frames are taken, or as many as the model's processor says. `masks` are the regions drawn, by the picture's
    number and size: those of answers about other pictures stay; `hidden_alike` says by a video's content which of its
    frames have that of the first of them. `tuned` is the model with the adapter that was last switched on or off.
    `keep` says which attention rows of the next answer stay.
    `reasks` are the answers that were given with something hidden, and `reasked` the one of them that is looked at:
    of a run that was opened, the one called `reask_named`.
    `pins` are the answers that are seen beside each other, the first being the one that others are compared with;
    the answer to the question `to_pin` is pinned once it is there, under the label beside it.
    `drawing` is how maps and pictures stand together. `results` are what took time to find out.

    `run` keeps all that as it comes, from the first question on; `run_trouble` is why it does not, or what of it could
    not be read, as a sentence, and `run_note` what else is to be said of it. `left` is why turns were dropped last, and
    `branches` are the conversations as they were before.
    `widgets` are what those are set to that outlive their page, and `places` what was chosen on pages that were not
    drawn yet; `restored` are the keys of widgets that were set from a run. `tab` is the one that this is of; `address`
    is the run that its address named last, and `former` the one before, with when that was, by the clock of
    `time.monotonic`."""

    spec: ModelSpec = EMBEDDED
    asked_spec: ModelSpec | None = None
    tuned: ModelSpec | None = None
    model_trouble: str | None = None
    images: tuple[NamedImage, ...] = ()
    beside: bool = False
    frames: int | None = None
    image_trouble: str | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    inspected: Exchange | None = None
    several: bool = False
    image_number: int | None = None
    decoding: Decoding = field(default_factory=Decoding)
    keep: KeepRows = field(default_factory=KeepRows)
    editing: int | None = None
    to_ask: Question | None = None
    offered: str | None = None
    masks: dict[RegionKey, MaskDraft] = field(default_factory=dict)
    hidden_alike: dict[str, tuple[int, ...]] = field(default_factory=dict)
    reasked: Reasked | None = None
    reask_named: str = ""
    reasks: list[ReaskRow] = field(default_factory=list)
    pins: tuple[Pin, ...] = ()
    to_pin: tuple[Question, str] | None = None
    phrasings: list[str] = field(default_factory=list)
    compared: Audit | None = None
    linked: bool = False
    run: RunKeeper | None = None
    run_trouble: str | None = None
    run_note: str | None = None
    left: Why = "edited"
    branches: list[Left] = field(default_factory=list)
    widgets: dict[str, object] = field(default_factory=dict)
    places: dict[str, object] = field(default_factory=dict)
    restored: tuple[str, ...] = ()
    tab: str | None = None
    address: str = ""
    former: tuple[str, float] = ("", 0.0)
    drawing: Drawing = "over"
    results: ResultCache = field(default_factory=ResultCache)
    _views: dict[type[View], View] = field(default_factory=dict, init=False, repr=False)

    def view(self, kind: type[AnyView]) -> AnyView:
        """What the tab keeps of a page, or of a section that pages share; begun when it is first asked for."""
        if kind not in self._views:
            self._views[kind] = kind(self.results)
            restore_view(self._views[kind], self.places.get(kind.__name__))
        return cast(AnyView, self._views[kind])

    def become(self, other: Workspace) -> None:
        """Go on with all that another one holds, as this tab's."""
        tab = self.tab
        for each in fields(self):
            setattr(self, each.name, getattr(other, each.name))
        self.tab = tab

    def begin_anew(self) -> None:
        """Let go of the conversation and of its run. The pictures and how they are asked about stay."""
        if self.run is not None:
            self.run.close()
        self.run = self.run_trouble = self.run_note = None
        self.results.leave()
        self.branches = []
        self.exchanges, self.editing, self.to_ask, self.offered = [], None, None, None
        self.reasked = self.compared = None
        self.reasks = []
        self.inspect(None)

    def as_left(self, why: Why) -> Left:
        """The present conversation, to be left."""
        kept = tuple(self.exchanges)
        return Left(why, tuple(each.id for each in kept), tuple(each.question.text for each in kept), kept)

    def forget_views(self) -> None:
        """Let go of what is chosen on pages."""
        self._views.clear()

    @property
    def views(self) -> tuple[View, ...]:
        """What was begun of pages and sections."""
        return tuple(self._views.values())

    @property
    def image(self) -> NamedImage | None:
        """The last of the present pictures; None where there is none."""
        return self.images[-1] if self.images else None

    @property
    def answer(self) -> Answer | None:
        """The answer being looked into, or None while there is none."""
        return self.inspected.answer if self.inspected else None

    @property
    def shown_image(self) -> int:
        """The number of the picture that pages draw of the inspected answer's question."""
        if self.answer is None:
            return 0
        question = self.answer.question
        last = len(question.images) - 1
        if self.image_number is not None:
            return min(self.image_number, last)
        return next((clip.first for clip in question.clips if last in clip.images), last)

    @property
    def target(self) -> Target | None:
        """The part of the inspected answer that pages are about: each answer keeps its own."""
        return None if self.inspected is None else self.inspected.target

    @target.setter
    def target(self, target: Target | None) -> None:
        if self.inspected is not None:
            self.inspected.target = target
        elif target is not None:
            raise ValueError("a target is a part of an answer, and none is looked into")

    def inspect(self, exchange: Exchange | None) -> None:
        """Look into another answer, whose target is what it was."""
        self.inspected = exchange
        self.image_number = None

    def _earlier(self) -> list[Exchange]:
        """The finished exchanges about the present pictures that come right before the next question."""
        earlier: list[Exchange] = []
        for exchange in reversed(self.exchanges):
            if exchange.images != self.images:
                break
            if exchange.answer is not None and exchange.answer.text:
                earlier.append(exchange)
        return earlier[::-1]

    def history(self) -> tuple[Turn, ...]:
        """The turns about the present pictures that come right before the next question."""
        return tuple(
            Turn(exchange.question.text, exchange.answer.text) for exchange in self._earlier() if exchange.answer
        )

    def question(self, text: str, images_at: tuple[int, ...] = ()) -> Question:
        """`text` asked of the present pictures and videos, as the next turn of the conversation. `images_at` are their
        places in it, one each; in a later turn they stay where the first one had them."""
        images, earlier = [named.visual for named in self.images], self._earlier()
        if earlier:
            first = earlier[0].question
            images_at = () if first.history else places_of(first)
        return Question(text, images, self.history(), self.decoding, images_at=images_at)

    def ask(self, text: str, images_at: tuple[int, ...] = ()) -> None:
        """Note down that `text` is to be asked of the present pictures; Chat asks it once the page is drawn."""
        if not images_at:
            text = text.strip()
        self.to_ask = self.question(text, images_at)

    def take_images(self, *images: NamedImage) -> None:
        """Ask about pictures that were chosen, in the place of the present ones or `beside` them. No more than
        `MOST_IMAGES` are taken."""
        present = self.images if self.beside else ()
        self.choose_images((*present, *images)[:MOST_IMAGES])
        if len(present) + len(images) > MOST_IMAGES:
            self.image_trouble = f"A question has at most {MOST_IMAGES} pictures. Remove one to add another."

    def move_image(self, number: int, by: int) -> None:
        """Exchange one of the present pictures with another one, so many places later."""
        moved = list(self.images)
        moved[number], moved[number + by] = moved[number + by], moved[number]
        self.choose_images(tuple(moved))

    def remove_image(self, number: int) -> None:
        """Ask without one of the present pictures."""
        self.choose_images((*self.images[:number], *self.images[number + 1 :]))

    def choose_image(self, image: NamedImage | None) -> None:
        """Ask about one other picture (or without one) from now on; the conversation stays."""
        self.choose_images(() if image is None else (image,))

    def choose_images(self, images: tuple[NamedImage, ...]) -> None:
        """Ask about other pictures from now on; the conversation stays."""
        self.images = images
        self.image_trouble = None
        self.offered = None
        self.phrasings = []
        self.compared = None

    def mask_for(self, image: Image.Image, number: int = 0) -> MaskDraft:
        """The region drawn on a picture of this size that is `number` of its question; an empty one where there is
        none."""
        key = (number, image.size)
        if key not in self.masks:
            self.masks = {other: draft for other, draft in self.masks.items() if not draft.untouched}
            self.masks[key] = MaskDraft(np.zeros((image.height, image.width), bool))
        return self.masks[key]

    def regions_here(self) -> dict[RegionKey, MaskDraft]:
        """The regions that are drawn on pictures of the conversation, or of the next question."""
        composed = Question("", [image.visual for image in self.images])
        asked = (composed, *(exchange.question for exchange in self.exchanges))
        here = {(number, image.size) for question in asked for number, image in enumerate(question.images)}
        return {key: draft for key, draft in self.masks.items() if key in here and draft.hidden.any()}

    def region_of(self, question: Question, number: int) -> int:
        """The number under which the region of an image is kept: its own, or that of the first frame hidden alike."""
        alike = (self.hidden_alike.get(clip.content, ()) for clip in question.clips if number in clip.images)
        return next((frames[0] for frames in alike if number in frames), number)

    def hide_alike(self, video: str, frames: tuple[int, ...], shown: int, size: tuple[int, int]) -> None:
        """Hide one region in several frames of a video, which are of this size: the one that was hidden alike before,
        or that of the frame that is `shown`. Other frames that had it have none any more; without `frames`, the shown
        one keeps it."""
        former = self.hidden_alike.get(video, ())
        draft = self.masks.get((former[0] if former else shown, size))
        for frame in former:
            self.masks.pop((frame, size), None)
        if draft is not None:
            self.masks[frames[0] if frames else shown, size] = draft
        self.hidden_alike[video] = frames

    def cut(self, index: int, why: Why = "edited") -> None:
        """Drop the exchange at `index` and all later ones. The conversation as it was can be brought back."""
        self.left = why
        if index < len(self.exchanges):
            self.branches.append(self.as_left(why))
        dropped = self.exchanges[index:]
        self.exchanges = self.exchanges[:index]
        self.editing = None
        if self.inspected in dropped:
            answered = [exchange for exchange in self.exchanges if exchange.answer]
            self.inspect(answered[-1] if answered else None)


def places_of(question: Question) -> tuple[int, ...]:
    """Where the pictures and videos of a question stand in its text, one place each; empty where all stand before."""
    firsts = [visual.first if isinstance(visual, Clip) else visual for visual in question.visuals]
    return tuple(question.images_at[first] for first in firsts) if question.images_at else ()


def current_workspace() -> Workspace:
    """This tab's workspace."""
    workspace = st.session_state.setdefault("workspace", Workspace())
    assert isinstance(workspace, Workspace)
    workspace.tab = this_tab()
    return workspace
