"""What may be taken away, as plain values.

Two ways lead there, and they answer different questions. Pictures can be changed, and everything is read anew: what was
hidden was never there. Or the network can be edited while it reads: image tokens that are hidden from what stands after
the pictures have already told their neighbours what they show, heads that are replaced have still been fed.

A new kind is a subclass of one of the two ways.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int
from PIL.Image import Image

from ..answer import Answer, Fill, Question, RegionMask, SceneFill, TokenLayout
from ..masking import FILL_NAMES, Canvas, pixels_of
from ..vlm.edits import Edits, Knockout, first_after_images
from .words import edits_in_words


class Perturbation(ABC):
    """Something that is taken away, or put in the place of something. Immutable."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is done, for the screen: "4 patches replaced (blur)"."""

    @property
    @abstractmethod
    def empty(self) -> bool:
        """Whether nothing is taken away."""

    @property
    def by_content(self) -> bool:
        """Whether it equals another one that says the same, which is not so of what holds tensors or pictures."""
        return True


class PixelPerturbation(Perturbation):
    """Pictures are changed, and everything is read anew."""

    @abstractmethod
    def painted(self, canvas: Canvas, layout: TokenLayout) -> Sequence[Image]:
        """The pictures that the model shall see. `canvas` holds those that it saw, under the question's own masks. Safe
        from any thread: pictures are painted ahead of a card that reads them.

        Raises WrongMask for one of another size than its picture.
        """

    @abstractmethod
    def of(self, question: Question, layout: TokenLayout) -> Question:
        """The question as it is asked then. `layout` is that of an answer to it."""


class NetworkPerturbation(Perturbation):
    """The network is edited while it reads."""

    @abstractmethod
    def edits(self, answer: Answer, length: int | None = None) -> Edits:
        """The edits, for the sequence of an answer; or for one of `length` positions that begins as it does.

        Raises ValueError for positions that are not there.
        """


@dataclass(frozen=True)
class HiddenPixels(PixelPerturbation):
    """Regions of pixels replaced, one after the other, each with its own fill (`core.masking`)."""

    masks: tuple[RegionMask, ...]

    @property
    def words(self) -> str:
        several = len({mask.image for mask in self.masks}) > 1
        regions = [
            f"{mask.hidden.mean():.0%} of {f'picture {mask.image + 1}' if several else 'the picture'} hidden "
            f"({FILL_NAMES[mask.fill]})"
            for mask in self.masks
        ]
        return ", then ".join(regions) or "no pixels hidden"

    @property
    def empty(self) -> bool:
        return not any(mask.hidden.any() for mask in self.masks)

    def painted(self, canvas: Canvas, layout: TokenLayout) -> Sequence[Image]:
        return canvas.painted(self.masks)

    def of(self, question: Question, layout: TokenLayout) -> Question:
        return question.with_masks(*question.masks, *self.masks)


@dataclass(frozen=True)
class HiddenPatches(PixelPerturbation):
    """The pixels of some image tokens replaced, in whichever pictures they are; or, `shown`, all pixels but theirs. No
    patches shown is nothing shown at all. Tokens without a place in a picture stand for no pixels. Those to be redrawn
    are painted by who knows the scene (`core.evidence.redrawing`)."""

    positions: frozenset[int]
    fill: SceneFill = "black"
    shown: bool = False

    @property
    def words(self) -> str:
        patches = "1 patch" if len(self.positions) == 1 else f"{len(self.positions)} patches"
        what = "everything" if self.shown and not self.positions else f"all but {patches}" if self.shown else patches
        return f"{what} masked ({FILL_NAMES[self.fill]})"

    @property
    def empty(self) -> bool:
        return not self.shown and not self.positions

    def masks(self, layout: TokenLayout) -> tuple[RegionMask, ...]:
        """What that is in pixels: one mask for each picture of which something is hidden. Raises ValueError where they
        are to be redrawn."""
        if self.fill == "redraw":
            raise ValueError("patches that are redrawn have no mask: the scene has to be known")
        fill: Fill = self.fill
        named = (pixels_of(self.positions, layout, image) for image in range(len(layout.image_sizes)))
        hidden = [~pixels if self.shown else pixels for pixels in named]
        return tuple(RegionMask(pixels, fill, image) for image, pixels in enumerate(hidden) if pixels.any())

    def painted(self, canvas: Canvas, layout: TokenLayout) -> Sequence[Image]:
        return canvas.painted(self.masks(layout))

    def of(self, question: Question, layout: TokenLayout) -> Question:
        return question.with_masks(*question.masks, *self.masks(layout))


@dataclass(frozen=True, eq=False)
class HiddenSegment(PixelPerturbation):
    """The pixels of a picture that have this label replaced. The mask is made when it is painted: of a large picture's
    many segments, all masks together would fill the memory."""

    labels: Int[np.ndarray, "height width"]
    label: int
    fill: Fill = "black"
    image: int = 0

    @property
    def words(self) -> str:
        return self._hidden.words

    @property
    def empty(self) -> bool:
        return False

    @property
    def by_content(self) -> bool:
        return False

    @property
    def _hidden(self) -> HiddenPixels:
        return HiddenPixels((RegionMask(self.labels == self.label, self.fill, self.image),))

    def painted(self, canvas: Canvas, layout: TokenLayout) -> Sequence[Image]:
        return self._hidden.painted(canvas, layout)

    def of(self, question: Question, layout: TokenLayout) -> Question:
        return self._hidden.of(question, layout)


@dataclass(frozen=True, eq=False)
class OtherImages(PixelPerturbation):
    """Other pictures of the same sizes in the place of the question's own, as the model shall see them: a
    counterfactual scene. The question's masks are not laid over them."""

    images: tuple[Image, ...]
    name: str = ""

    @property
    def words(self) -> str:
        return self.name or ("another picture" if len(self.images) == 1 else "other pictures")

    @property
    def empty(self) -> bool:
        return False

    @property
    def by_content(self) -> bool:
        return False

    def painted(self, canvas: Canvas, layout: TokenLayout) -> Sequence[Image]:
        return self.images

    def of(self, question: Question, layout: TokenLayout) -> Question:
        return replace(question, images=self.images, masks=())


@dataclass(frozen=True)
class HiddenTokens(NetworkPerturbation):
    """Positions of the prompt hidden from everything after the last image token, at all layers; each still sees itself.
    No deletion: what image tokens gave to other image tokens stays there. Where pictures are read by cross-attention,
    `across` are keys of that, counted from 0, hidden from the whole sequence."""

    positions: frozenset[int]
    across: frozenset[int] = frozenset()

    @property
    def words(self) -> str:
        count = len(self.positions) + len(self.across)
        tokens = "1 token" if count == 1 else f"{count} tokens"
        return f"{tokens} hidden from everything after the pictures"

    @property
    def empty(self) -> bool:
        return not self.positions and not self.across

    def edits(self, answer: Answer, length: int | None = None) -> Edits:
        prompt = len(answer.prompt_tokens)
        if not all(0 <= position < prompt for position in self.positions):
            raise ValueError(f"only positions of the prompt (0 to {prompt - 1}) can be hidden")
        if self.empty:
            return ()
        end = len(answer.layout) if length is None else length
        rows = tuple(range(first_after_images(answer), end))
        return (Knockout(rows, tuple(sorted(self.positions)), across=tuple(sorted(self.across))),)


@dataclass(frozen=True)
class NetworkEdits(NetworkPerturbation):
    """Edits of the network, all at once; `name` says in words what they are, where that is more than can be read off
    them."""

    changes: Edits
    name: str = ""

    @property
    def words(self) -> str:
        return self.name or edits_in_words(self.changes)

    @property
    def empty(self) -> bool:
        return not self.changes

    @property
    def by_content(self) -> bool:
        return all(isinstance(change, Knockout) for change in self.changes)

    def edits(self, answer: Answer, length: int | None = None) -> Edits:
        end = len(answer.layout) if length is None else length
        return tuple(_reached(change, end) if isinstance(change, Knockout) else change for change in self.changes)


def _reached(knockout: Knockout, end: int) -> Knockout:
    """A knockout may name rows that another answer has and this one has not: those are passed over."""
    rows = tuple(row for row in knockout.rows if row < end)
    return knockout if len(rows) == len(knockout.rows) else replace(knockout, rows=rows)
