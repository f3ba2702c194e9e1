"""What a model sees of a picture, in sentences for people and as plain values for files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..answer import PatchView, TokenLayout
from ..clips import Clip
from ..images import shrunk_from
from .seen import never_seen, seen_boxes, share_of_region_seen, share_seen

LEAST_TOLD = 0.005
"""The unseen share of a picture from which on every map says so. Processors round to whole pixels, so that a rim
thinner than a pixel is cut off nearly always."""


def crop_note(layout: TokenLayout, image: int = 0, clips: Sequence[Clip] = ()) -> str | None:
    """The sentence that is due where the model does not see the whole of a picture, or of the frames of one of `clips`;
    None where it does, and where it is not known."""
    share = share_seen(layout, image)
    if share is None or 1 - share < LEAST_TOLD:
        return None
    several = len(layout.image_sizes) > 1
    whose, whole = (
        (f"Of {_one_of(image, clips)} the model sees", "it") if several else ("The model sees", "the picture")
    )
    return f"{whose} {_part_seen(layout, image)}: {percent(1 - share)} of {whole} is never seen."


def _part_seen(layout: TokenLayout, image: int) -> str:
    """Rows and columns that the views hold; of several parts the box around them."""
    boxes = seen_boxes(layout, image)
    if not boxes:
        return "nothing but padding"
    width, height = layout.image_sizes[image]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    spans = [("columns", left, right, width), ("rows", top, bottom, height)]
    told = [
        f"{name} {start:.0f} to {end:.0f} of {size}"
        for name, start, end, size in spans
        if round(start) > 0 or round(end) < size
    ]
    whole = len(never_seen(layout, image)) > 4 or not told
    return "only parts of it" if whole else " and ".join(told)


def shrink_note(image: Image.Image, number: int | None = None, clips: Sequence[Clip] = ()) -> str | None:
    """The sentence that is due for a picture that was made smaller when it was opened; None for any other. `number`
    names one of several, from 0, among which are the frames of `clips`."""
    before = shrunk_from(image)
    if before is None:
        return None
    which = "The picture" if number is None else _one_of(number, clips).capitalize()
    return (
        f"{which} was {before[0]} × {before[1]} px and was shrunk to {image.width} × {image.height} when it was opened."
    )


def _one_of(image: int, clips: Sequence[Clip]) -> str:
    """One of several images; what is so of a frame is so of all of its video."""
    video = next((video for video, clip in enumerate(clips, 1) if image in clip.images), None)
    if video is None:
        return f"picture {image + 1}"
    return "every frame" if len(clips) == 1 else f"every frame of video {video}"


def hidden_note(hidden: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0) -> str | None:
    """What must be said of a mask: how much of what it hides the model sees at all; None where it is all, and for a
    mask that hides nothing. Raises ValueError for a mask of another size than the picture."""
    if not hidden.any():
        return None
    share = share_of_region_seen(hidden, layout, image)
    if share is None:
        return "How much of what is hidden the model sees is not known."
    if share == 0:
        return "The model sees none of what is hidden, so hiding it says nothing of what the answer rests on."
    return None if 1 - share < LEAST_TOLD else f"The model sees {percent(share)} of what is hidden."


def place_note(place: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0) -> str | None:
    """What must be said of the place where a map should point; None where the model sees all of it, and where that is
    not known. Raises ValueError for a place of another size than the picture."""
    share = share_of_region_seen(place, layout, image)
    if share is None or 1 - share < LEAST_TOLD:
        return None
    return (
        f"The model sees {percent(share)} of the right place."
        if share
        else "The model sees nothing of the right place, so no map can point there."
    )


def picture_notes(images: Sequence[Image.Image], layout: TokenLayout, clips: Sequence[Clip] = ()) -> tuple[str, ...]:
    """Every sentence that is due of the pictures of a question, whatever is drawn over them; of the frames of each of
    its `clips` once."""
    several = len(images) > 1
    later = {image for clip in clips for image in clip.images[1:]}
    notes = (
        note
        for number, image in enumerate(images)
        if number not in later
        for note in (shrink_note(image, number if several else None, clips), crop_note(layout, number, clips))
    )
    return tuple(note for note in notes if note is not None)


def picture_records(images: Sequence[Image.Image], layout: TokenLayout) -> list[dict[str, Any]]:
    """The same as plain values: of each picture its size, that of its file where it was larger, the share that the
    model sees (None: not known), and its views with their boxes in pixels of the picture."""
    return [
        {
            "size": list(image.size),
            "file_size": list(shrunk_from(image) or image.size),
            "seen": share_seen(layout, number),
            "views": [
                {
                    "name": view.name,
                    "box": list(view.box),
                    "rows": view.rows,
                    "columns": view.columns,
                    "resized": None if view.resized is None else list(view.resized),
                }
                for view in layout.views
                if number in view.images
            ],
        }
        for number, image in enumerate(images)
    ]


def view_in_words(view: PatchView, layout: TokenLayout) -> str:
    """Which part of its picture a view holds, what the vision tower gets of it, and how it becomes image tokens."""
    left, top, right, bottom = view.box
    inside = seen_boxes(TokenLayout(layout.kinds, (view,), layout.image_sizes), view.image)
    held = sum((box[2] - box[0]) * (box[3] - box[1]) for box in inside) / ((right - left) * (bottom - top))
    padded = f", {percent(1 - held)} of it padding" if 1 - held >= LEAST_TOLD else ""
    given = "" if view.resized is None else f" → {view.resized[0]} × {view.resized[1]} px"
    each = f"{(right - left) / view.columns:.3g} × {(bottom - top) / view.rows:.3g} px of the picture"
    return (
        f"columns {left:.0f} to {right:.0f}, rows {top:.0f} to {bottom:.0f}{padded}{given} → {view.columns} × "
        f"{view.rows} image tokens, each for {each}"
    )


def percent(share: float) -> str:
    """A share in whole percent that never says none, or all, where that is not so."""
    if 0 < share < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < share < 1 else f"{share:.0%}"
