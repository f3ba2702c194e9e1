"""The nouns every room of Sightline shares: Question, Answer, Target, Explanation.

Nothing here runs a model. A `Question` is what was asked, an `Answer` is what was said and everything
needed to replay it exactly, a `Target` is the part of an answer somebody wants explained, and an
`Explanation` is one method's reading of it. All are immutable: a changed question is a new question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from .clips import Clip, Visual, as_visuals, in_order
from .errors import MisplacedImage, SettingsError
from .words import grouped, part_names

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels of the original image; right and bottom are exclusive."""

Fill = Literal["black", "mean", "blur", "noise", "inpaint"]
"""What can stand in the place of hidden pixels of any picture (`core.masking`)."""

SceneFill = Literal[Fill, "redraw"]
"""The same of a drawn scene, which can also be redrawn with nothing in it."""

Head = tuple[int, int]
"""Layer and head, counted from 0."""


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen. `temperature` 0 is greedy; `top_p` 1 keeps every token. Raises SettingsError for a
    seed of more than 64 bits."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not -(2**63) <= self.seed < 2**63:
            raise SettingsError(f"The seed must lie between {-(2**63)} and {2**63 - 1}.")


@dataclass(frozen=True)
class Turn:
    """One finished exchange that came before the question, about the same images."""

    question: str
    answer: str


@dataclass(frozen=True, eq=False)
class RegionMask:
    """Pixels of one image that the model may not see, and what stands in their place. Equal to another of the same
    content.

    `hidden` has the image's own height and width and is true where pixels are replaced; it is copied, and cannot be
    written to.
    """

    hidden: Bool[np.ndarray, "height width"]
    fill: Fill = "black"
    image: int = 0

    def __post_init__(self) -> None:
        own = np.array(self.hidden, dtype=bool)
        own.flags.writeable = False
        object.__setattr__(self, "hidden", own)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RegionMask):
            return NotImplemented
        same = (self.fill, self.image) == (other.fill, other.image)
        return same and np.array_equal(self.hidden, other.hidden)

    def __hash__(self) -> int:
        return hash(self.content)

    @property
    def content(self) -> bytes:
        """All that it says, as bytes."""
        return f"{self.fill}{self.image}{self.hidden.shape}".encode() + np.packbits(self.hidden).tobytes()


@dataclass(frozen=True, eq=False, init=False)
class Question:
    """What is asked. `images` are RGB, upright and opaque, whatever they were given as: paths of files, or pictures of
    any mode with or without a turn in their EXIF data; `masks` are laid over them, one after the other, before the
    processor runs (`core.masking` says what that means).

    `images_at` says of each image before which character of the conversation's first question it stands (that of
    `history`, or `text` where there is none); empty where all stand before it. A place is structure: no text that
    somebody types means one.

    A video (`Video`) may be given in the place of a picture: its frames are then images like the others, and `clips`
    says which. What stands at a place is a picture or a whole video.
    """

    text: str
    images: tuple[Image.Image, ...]
    history: tuple[Turn, ...]
    decoding: Decoding
    masks: tuple[RegionMask, ...]
    images_at: tuple[int, ...]
    clips: tuple[Clip, ...]

    def __init__(
        self,
        text: str,
        images: Visual | Iterable[Visual] = (),
        history: Iterable[Turn] = (),
        decoding: Decoding | None = None,
        masks: RegionMask | Iterable[RegionMask] = (),
        images_at: Iterable[int] = (),
        clips: Iterable[Clip] = (),
    ) -> None:
        """`clips` are given where frames of videos are among `images` already, which then holds no `Video`; places one
        for each of `images`. Raises UnreadableImage, MisplacedImage for places that are not there or do not follow each
        other, and ValueError for clips whose frames are not there."""
        laid = (masks,) if isinstance(masks, RegionMask) else tuple(masks)
        turns = tuple(history)
        opened, given_clips, counts = as_visuals(images)
        marked = (*clips, *given_clips)
        in_order(len(opened), marked)
        places = _checked_places(tuple(images_at), len(counts), turns[0].question if turns else text)
        places = tuple(place for place, count in zip(places, counts, strict=False) for _ in range(count))
        if places and any(len({places[image] for image in clip.images}) > 1 for clip in marked):
            raise MisplacedImage("The frames of a video stand together: give the video one place.")
        given = (text, opened, turns, decoding or Decoding(), laid, places, marked)
        for own, value in zip(fields(self), given, strict=True):
            object.__setattr__(self, own.name, value)  # as a frozen dataclass does

    def with_text(self, text: str) -> Question:
        """The same asked in other words. Images that stood within the former ones stand before them."""
        return replace(self, text=text, images_at=self.images_at if self.history else ())

    @property
    def visuals(self) -> tuple[int | Clip, ...]:
        """What is asked about, one after the other: pictures by their numbers among the images, and clips."""
        return in_order(len(self.images), self.clips)

    @property
    def first_parts(self) -> tuple[str, ...]:
        """The conversation's first question cut at its pictures and videos: what stands before the first of them,
        between each two, and after the last."""
        first = self.history[0].question if self.history else self.text
        at = self.images_at or (0,) * len(self.images)
        places = (at[visual.first if isinstance(visual, Clip) else visual] for visual in self.visuals)
        return tuple(first[start:end] for start, end in pairwise((0, *places, len(first))))

    def with_masks(self, *masks: RegionMask) -> Question:
        """The same question under these masks and no others."""
        return replace(self, masks=masks)

    def visual_fingerprint(self) -> str:
        """A content hash of the images as the model will see them: pixels, sizes, masks, and which are videos."""
        digest = hashlib.sha256()
        for image in self.images:
            digest.update(f"{image.mode}{image.size}".encode())
            digest.update(image.tobytes())
        for mask in self.masks:
            digest.update(mask.content)
        for clip in self.clips:
            digest.update(clip.content.encode())
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """A content hash of everything that decides the answer of a given model."""
        digest = hashlib.sha256(self.visual_fingerprint().encode())
        digest.update(repr((self.text, self.history, self.decoding)).encode())
        if self.images_at:
            digest.update(repr(self.images_at).encode())
        return digest.hexdigest()


def _checked_places(places: tuple[int, ...], images: int, text: str) -> tuple[int, ...]:
    """Places of images in a text; none where all stand before it. Raises MisplacedImage."""
    if not any(places) and len(places) in (0, images):
        return ()
    if len(places) != images:
        raise MisplacedImage(
            f"{len(places)} places are given for {images} picture{'' if images == 1 else 's'}. Give one for each, or "
            "none to put all of them before the question."
        )
    if list(places) != sorted(places) or places[0] < 0 or places[-1] > len(text):
        raise MisplacedImage(
            f"The places {', '.join(map(str, places))} do not follow each other in a question of {len(text)} "
            f"characters. Give them in the order of the pictures, from 0 to {len(text)}."
        )
    return places


class TokenKind(StrEnum):
    """What a position of the sequence is. Template and control tokens are SPECIAL."""

    SPECIAL = "special"
    TEXT = "text"
    IMAGE = "image"
    ANSWER = "answer"


@dataclass(frozen=True)
class PatchView:
    """One raster of image tokens: a whole picture, a crop, a tile or a thumbnail of it.

    `positions` are sequence positions in raster order, `rows * columns` of them; `box` is the part of
    the original image that the raster covers, in its pixels (it may reach beyond it where the family pads).
    `frames` is how many images, from `image` on, its tokens stand for together: towers that read a video may merge
    two frames into one, of which each token then shows the same place.
    `measured` is None where the family declares the raster; of one that was measured, the correlation of the tokens'
    places with it. `resized` are the width and height in pixels in which the vision tower gets that part; None where it
    is not known.
    """

    image: int
    name: str
    rows: int
    columns: int
    box: Box
    positions: tuple[int, ...]
    measured: float | None = None
    resized: tuple[int, int] | None = None
    frames: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for other than one position a cell: every patch after it would be a cell off."""
        if self.rows < 1 or self.columns < 1 or len(self.positions) != self.rows * self.columns:
            raise ValueError(
                f"a raster of {self.rows} x {self.columns} cells cannot be laid over {len(self.positions)} positions"
            )

    @property
    def images(self) -> range:
        """The images that its tokens stand for: one, or frames that were merged."""
        return range(self.image, self.image + self.frames)

    def patch_box(self, index: int) -> Box:
        """The box of the `index`-th image token of the raster, in pixels of the original image."""
        row, column = divmod(index, self.columns)
        left, top, right, bottom = self.box
        width, height = (right - left) / self.columns, (bottom - top) / self.rows
        return (
            left + column * width,
            top + row * height,
            left + (column + 1) * width,
            top + (row + 1) * height,
        )


@dataclass(frozen=True)
class TokenLayout:
    """For every position of the sequence what it is, and for each image token its pixels.

    `views` is empty for families whose image tokens have no place in the picture (resamplers), or none that is known;
    `unplaced` is then the reason as a sentence without its stop, and "" where nothing but that is known; `measurable`
    is false where they have none whatever is measured. `image_sizes` are (width, height) of the original images.
    """

    kinds: tuple[TokenKind, ...]
    views: tuple[PatchView, ...]
    image_sizes: tuple[tuple[int, int], ...]
    unplaced: str = ""
    measurable: bool = True

    def __len__(self) -> int:
        return len(self.kinds)

    def positions(self, kind: TokenKind) -> tuple[int, ...]:
        return tuple(i for i, k in enumerate(self.kinds) if k is kind)

    @property
    def measured(self) -> float | None:
        """The lowest correlation among views that were measured; None where there are none, and all are declared."""
        return min((view.measured for view in self.views if view.measured is not None), default=None)

    def question(self) -> tuple[int, ...]:
        """The positions of the question's own words: the last run of typed text, which images alone may interrupt.
        Earlier turns stand before it, with the template between."""
        typed = self.positions(TokenKind.TEXT)
        start = max(0, len(typed) - 1)
        while start > 0:
            between = self.kinds[typed[start - 1] + 1 : typed[start]]
            if between and TokenKind.IMAGE not in between:
                break
            start -= 1
        return typed[start:]

    def box(self, position: int) -> Box | None:
        """The pixels an image token stands for, or None for any other position."""
        for view in self.views:
            if position in view.positions:
                return view.patch_box(view.positions.index(position))
        return None

    def with_answer(self, length: int) -> TokenLayout:
        """The layout of the sequence with `length` answer tokens after it."""
        return replace(self, kinds=self.kinds + (TokenKind.ANSWER,) * length)

    def until(self, position: int) -> TokenLayout:
        """The layout of the sequence before a position, which may not cut a picture in two."""
        return replace(self, kinds=self.kinds[:position])


@dataclass(frozen=True)
class Alternative:
    """A token the model weighed at one position. `logprob` is in nats, before temperature and top-p."""

    id: int
    text: str
    logprob: float


@dataclass(frozen=True)
class AnswerToken:
    """One token of an answer. `logprob` and `entropy` (nats) are of the raw distribution. `name` is what to call one
    without text of its own: "🐶, byte 2 of 4"."""

    id: int
    text: str
    logprob: float
    entropy: float
    alternatives: tuple[Alternative, ...]
    name: str = ""

    @property
    def label(self) -> str:
        """Its text, or what it is called instead; empty for a control token."""
        return self.text or self.name


@dataclass(frozen=True, eq=False)
class HeldRows:
    """Softmax rows that are in memory: `weights[l, h, t, j]` is how much head h of layer `layers[l]` looked at position
    j while predicting answer token `tokens[t]`; columns at and after the predicted token are zero. Rows of a layer
    without attention, or whose attention cannot be seen, are NaN. Of the decoder's `number` of layers, those that are
    not named have none here."""

    weights: Float[Tensor, "layers heads answer key"]
    tokens: tuple[int, ...]
    layers: tuple[int, ...]
    number: int

    @property
    def every_layer(self) -> bool:
        return self.layers == tuple(range(self.number))

    def places(self, tokens: Iterable[int]) -> tuple[int, ...] | None:
        """Where the rows of some answer tokens stand on the third axis; None unless all of them are there."""
        at = {token: place for place, token in enumerate(self.tokens)}
        wanted = tuple(tokens)
        return tuple(at[token] for token in wanted) if all(token in at for token in wanted) else None

    def until(self, token: int, length: int) -> HeldRows:
        """Those of the tokens before one, and so many columns."""
        if self.tokens == tuple(range(len(self.tokens))):
            return replace(self, weights=self.weights[:, :, :token, :length], tokens=self.tokens[:token])
        before = [place for place, own in enumerate(self.tokens) if own < token]
        tokens = tuple(self.tokens[place] for place in before)
        return replace(self, weights=self.weights[:, :, before, :length], tokens=tokens)


class AttentionRows:
    """The decoder's softmax rows at the positions that predicted an answer's tokens, or some of them in some layers.

    They may be many: whoever bounds what is kept lets go of them (`drop`), and whoever computed them again gives them
    back (`hold`). So they are read by `held`, once, and what it returned stays as it is.
    """

    def __init__(
        self,
        weights: Float[Tensor, "layers heads answer key"],
        tokens: Sequence[int] | None = None,
        layers: Sequence[int] | None = None,
        number: int | None = None,
    ) -> None:
        """Without `tokens` the rows are of the first tokens, in order; without `layers`, of all that the decoder
        has."""
        said = range(weights.shape[2]) if tokens is None else tokens
        named = range(weights.shape[0]) if layers is None else layers
        self._rows: HeldRows | None = HeldRows(weights, tuple(said), tuple(named), number or len(named))

    @property
    def held(self) -> HeldRows | None:
        """The rows; None after they were dropped."""
        return self._rows

    @property
    def kept_bytes(self) -> int:
        """What the rows take that are held."""
        held = self.held
        return 0 if held is None else held.weights.nbytes

    @property
    def weights(self) -> Float[Tensor, "layers heads answer key"]:
        """The rows alone. Raises ValueError after they were dropped."""
        held = self.held
        if held is None:
            raise ValueError("these rows were dropped: compute them again")
        return held.weights

    def has(self, tokens: Iterable[int]) -> bool:
        """Whether the rows of some tokens are held in all layers."""
        return self._at(tokens) is not None

    def of(self, tokens: Iterable[int]) -> Float[Tensor, "layers heads token key"] | None:
        """The rows of some tokens in all layers; None unless all of them are there."""
        at = self._at(tokens)
        return None if at is None else at[0].weights[:, :, list(at[1])]

    def _at(self, tokens: Iterable[int]) -> tuple[HeldRows, tuple[int, ...]] | None:
        """The rows, and where those of some tokens stand among them; None unless all are held in all layers."""
        held = self.held
        places = held.places(tokens) if held is not None and held.every_layer else None
        return None if held is None or places is None else (held, places)

    def drop(self) -> None:
        """Let go of the rows."""
        self._rows = None

    def hold(self, rows: HeldRows) -> None:
        """Take rows in the place of those that are, or were, held."""
        self._rows = rows

    def until(self, token: int) -> AttentionRows:
        """The rows of the tokens before one, and the columns of what stood before it: they go with these."""
        return _FirstRows(self, token)


class _FirstRows(AttentionRows):
    """Of other rows those of the tokens before one."""

    def __init__(self, whole: AttentionRows, token: int) -> None:
        self._whole, self._token = whole, token

    @property
    def held(self) -> HeldRows | None:
        rows = self._whole.held
        if rows is None or not rows.tokens:
            return rows
        # The last column is that of the last token that the rows were kept for.
        left_out = max(rows.tokens) + 1 - self._token
        return rows.until(self._token, rows.weights.shape[3] - max(0, left_out))

    def drop(self) -> None:
        self._whole.drop()

    def hold(self, rows: HeldRows) -> None:
        # These are fewer than what others may look at.
        self._whole = AttentionRows(rows.weights, rows.tokens, rows.layers, rows.number)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model said to a question, and all that is needed to replay it.

    `model` is the model card's fingerprint; `inputs` are the exact model inputs of the prompt (batch of one);
    `layout` covers prompt and answer; `prompt_tokens` are the prompt's tokens as text. `finish` says why it ended;
    the token that ended it is not among `tokens`, whose texts joined are `text`.
    """

    question: Question
    model: str
    text: str
    tokens: tuple[AnswerToken, ...]
    prompt_tokens: tuple[str, ...]
    layout: TokenLayout
    inputs: Mapping[str, Tensor]
    seconds: float
    finish: Literal["end", "length", "stopped"]
    attention: AttentionRows | None = None

    @property
    def token_ids(self) -> tuple[int, ...]:
        return tuple(token.id for token in self.tokens)

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of every position of the sequence, prompt and answer."""
        return (*self.prompt_tokens, *(token.text for token in self.tokens))

    @property
    def labels(self) -> tuple[str, ...]:
        """The same for people: the parts of a character that several tokens make are told by their names."""
        return (*part_names(self.prompt_tokens), *(token.label for token in self.tokens))

    def predicting_position(self, token: int) -> int:
        """The sequence position that predicts the `token`-th token of the answer: the one before its own."""
        return len(self.prompt_tokens) + token - 1

    def until(self, index: int) -> Answer:
        """The answer's first `index` tokens, as if no more had been allowed: what stands after cannot bear on them. The
        answer itself where it has no more. Raises ValueError for a negative index.

        A character of which the last token was cut off stays with the token that opened it: its text is whole.
        """
        if index < 0:
            raise ValueError(f"an answer cannot be cut before its beginning, at {index}")
        if index >= len(self.tokens):
            return self
        tokens = self.tokens[:index]
        return replace(
            self,
            text="".join(token.text for token in tokens),
            tokens=tokens,
            layout=self.layout.until(len(self.prompt_tokens) + index),
            finish="length",
            attention=None if self.attention is None else self.attention.until(index),
        )

    def words(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the answer's tokens grouped into words (`core.words`)."""
        return grouped([token.text for token in self.tokens])


@dataclass(frozen=True)
class Target:
    """What to explain: `tokens` are indices into the answer; `rivals`, when given, are the token ids
    (one for each index) that the model could have said instead, and make the target a contrast."""

    tokens: tuple[int, ...]
    rivals: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.tokens:
            raise ValueError("a target names at least one answer token")
        if self.rivals is not None and len(self.rivals) != len(self.tokens):
            raise ValueError("a contrast names one rival for each target token")


def subject(answer: Answer, target: Target) -> dict[str, object]:
    """What something was computed about, in plain values, for the record that travels in its file."""
    return {
        "target": [answer.tokens[index].text for index in target.tokens],
        "target_tokens": list(target.tokens),
        "rivals": None if target.rivals is None else list(target.rivals),
        "question": answer.question.text,
        "images_at": list(answer.question.images_at),
        "videos": [clip.record() for clip in answer.question.clips],
        "answer": answer.text,
        "masked": bool(answer.question.masks),
        "model": answer.model,
    }


@dataclass(frozen=True)
class ScoredPart:
    """A region or a word that a method scored as a whole: its name, positions and score, and the score's standard error
    (None for a method that has none)."""

    name: str
    positions: tuple[int, ...]
    score: float
    error: float | None = None


@dataclass(frozen=True)
class PatchSet:
    """Some image tokens of which a method found something out together: what they are called, and what was found, as a
    sentence."""

    name: str
    says: str
    positions: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """One method's score for every input position, for one target.

    `seconds` and `peak_bytes` (memory beside what was in use before; None where it cannot be measured) are of the
    run, which explained `together` targets at once. `complete` is below 1 when the run was stopped: positions not
    looked at are NaN then. `remark` is what must be said of this map beside the method's caveat (a setting that could
    not be followed), as a sentence. `layout` is what the scores are of where that is not the answer's own: of squares
    of the pictures, where no image token has a place. `parts` are what was scored as a whole, and `sets` what was found
    out of several patches together, of methods that do so.
    """

    scores: Float[Tensor, "position"]
    target: Target
    method: str
    settings: Mapping[str, object]
    seconds: float
    peak_bytes: int | None = None
    together: int = 1
    complete: float = 1.0
    remark: str | None = None
    layout: TokenLayout | None = None
    parts: tuple[ScoredPart, ...] = ()
    sets: tuple[PatchSet, ...] = ()

    def about(self, answer: Answer) -> Answer:
        """The answer that it explains, with the layout that the scores are of."""
        return answer if self.layout is None else replace(answer, layout=self.layout)
