"""What is being composed: pictures that were chosen, regions that were drawn, words that were typed and not asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from ..answer import Decoding, RegionMask
from ..clips import Clip
from ..errors import RunDamaged
from .codec.form import Given, Out
from .codec.hints import form_of
from .pieces import decoded, encoded, read_piece, write_piece
from .turns import Source

NAME = "draft"


@dataclass(frozen=True, eq=False)
class Draft:
    """The next question, as far as it is there. `images` are those of pictures and frames of videos in their order,
    `clips` say which are frames, `sources` are of the pictures and videos. `masks` are the regions drawn, on these or
    on pictures of the conversation: each is of the size of its own."""

    text: str = ""
    images: tuple[Image.Image, ...] = ()
    clips: tuple[Clip, ...] = ()
    sources: tuple[Source, ...] = ()
    masks: tuple[RegionMask, ...] = ()
    decoding: Decoding | None = None


_FORM = form_of(Draft)


def write_draft(run: Path, draft: Draft, out: Out) -> None:
    """Keep a draft in the place of the former one. Raises NotWritten."""
    write_piece(run, NAME, "draft", *encoded(_FORM, draft, out))


def read_draft(run: Path, given: Given) -> Draft:
    """The draft; an empty one where there is none. Raises RunDamaged."""
    if not (run / f"{NAME}.json").exists():
        return Draft()
    piece = read_piece(run, NAME, "draft")
    draft: Draft = decoded(_FORM, piece, replace(given, tensors=piece.tensors), f"{NAME}.json")
    if any(mask.image < 0 or not mask.hidden.any() for mask in draft.masks):
        raise RunDamaged(f"{NAME}.json is damaged: its regions are of no picture.")
    return draft
