"""In which frames of a video a drawn region is hidden: in the one that is shown, in all, or in some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import streamlit as st
from PIL import Image

from ...answer import Question, RegionMask
from ...charts.overlays import fit
from ...clips import Clip
from ...geometry import image_name, seconds
from ...masking import FILL_NAMES, apply_mask, as_seen
from ..state.workspace import MaskDraft, Workspace
from ..widgets.strip import Tile, strip

Through = Literal["this frame", "every frame", "chosen frames"]
THROUGH_ONE: Through = "this frame"
TILE = 94
FEW = 3
"""Frames that are named one by one."""


def draft_of(workspace: Workspace, question: Question, number: int) -> MaskDraft:
    """The region drawn on one image; frames that are hidden alike have one together."""
    return workspace.mask_for(question.images[number], workspace.region_of(question, number))


def through_key(clip: Clip) -> str:
    """The key of the choice of a video."""
    return f"mask_through_{clip.content}"


def through_frames_choice(workspace: Workspace, question: Question, clip: Clip, number: int) -> None:
    """The choice, for the region of frame `number`, and a button that hides the whole of it."""
    key = through_key(clip)
    through = st.segmented_control(
        "Hide the region in",
        get_args(Through),
        default=get_args(Through)[0],
        required=True,
        key=key,
        persist_state="session",
        help="What is drawn on one frame is then hidden in the others at the same place, instead of what was drawn on "
        "them.",
        wrap=True,
    )
    alike = workspace.hidden_alike.get(clip.content, ())
    wanted: tuple[int, ...] = ()
    if through == "every frame":
        wanted = tuple(clip.images)
    elif through == "chosen frames":
        wanted = tuple(
            st.multiselect(
                "Frames",
                list(clip.images),
                default=[number],
                format_func=lambda image: image_name(question, image),
                key=f"mask_frames_{clip.content}",
                persist_state="session",
            )
        )
    if set(wanted) != set(alike):
        workspace.hide_alike(clip.content, tuple(sorted(wanted)), number, question.images[number].size)
        st.rerun()
    if through == "chosen frames" and number not in wanted:
        st.caption("The frame shown is not among them: its region is its own.")
    draft = draft_of(workspace, question, number)
    if st.button(
        "Hide the whole frame", icon=":material/visibility_off:", key="mask_whole", disabled=bool(draft.hidden.all())
    ):
        draft.become(np.ones_like(draft.hidden))
        st.rerun()


def masked_frames(workspace: Workspace, question: Question, clip: Clip, masks: tuple[RegionMask, ...]) -> None:
    """The frames of a video as the model will see them; a click chooses the one to draw on."""
    by_image = {mask.image: mask for mask in masks}
    images = as_seen(question)

    def tile(image: int) -> Tile:
        def draw() -> Image.Image:
            mask = by_image.get(image)
            seen = images[image] if mask is None else apply_mask(images[image], mask)
            return seen.resize(fit(seen.size, TILE))

        label = f"{image - clip.first + 1} · {seconds(clip, image)} s"
        return Tile(draw, label, image_name(question, image))

    def choose(number: int) -> None:
        workspace.image_number = clip.images[number]

    strip([tile(image) for image in clip.images], "masked", TILE, workspace.shown_image - clip.first, choose)


def hidden_in_words(question: Question, masks: Sequence[RegionMask]) -> str:
    """What masks hide, and how much of each image; of images that lose as much, once."""
    alike: dict[tuple[str, str], list[int]] = {}
    for mask in masks:
        alike.setdefault((f"{mask.hidden.mean():.0%}", FILL_NAMES[mask.fill]), []).append(mask.image)
    told = [f"{share} of {names_of(question, images)} hidden ({fill})" for (share, fill), images in alike.items()]
    return ", then ".join(told)


def names_of(question: Question, images: Sequence[int]) -> str:
    """Some images of a question by their names; all frames of a video, or very many of them, in a few words."""
    names = []
    for visual in question.visuals:
        of_it = [image for image in images if image in (visual.images if isinstance(visual, Clip) else (visual,))]
        if isinstance(visual, Clip) and len(of_it) > FEW:
            video = f" of video {question.clips.index(visual) + 1}" if len(question.clips) > 1 else ""
            names.append(f"{'every frame' if len(of_it) == len(visual) else f'{len(of_it)} frames'}{video}")
        else:
            names += [image_name(question, image) for image in of_it]
    return ", ".join(names)
