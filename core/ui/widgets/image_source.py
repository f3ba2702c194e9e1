"""Where the picture or video comes from: the gallery, a drawn scene with one thing changed, a file, or a paste."""

from __future__ import annotations

import io
from functools import partial
from weakref import WeakKeyDictionary

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from ...charts.overlays import fit
from ...clips import Video
from ...counted import counted
from ...errors import UnreadableRecipe
from ...geometry import seconds, shrink_note
from ...street.recipe import LARGEST_SEED, Change, Recolour, SceneRecipe, SetDoor, possible_changes
from ...vlm.model import VisionLanguageModel
from ..state.scenes import GALLERY, contents, image_of
from ..state.twins import ask_twin, original_of, room_for
from ..state.workspace import MOST_FRAMES, NamedImage, Workspace
from .chips import escaped
from .part import part
from .strip import Tile, strip
from .taking import accept, largest_upload

SHOWN = 360
"""Longer side, in pixels, of the picture on screen."""
THUMBNAIL = 168
FRAME = 150
"""Longer side of a frame of a video."""
CARD = 120
"""Width of each of several pictures."""
COLUMNS = 4
INSTEAD, BESIDE = "replaces the present", "comes beside it"

_copies: WeakKeyDictionary[NamedImage, dict[int, bytes]] = WeakKeyDictionary()


def image_chooser(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The present picture or video, and the ways to choose another."""
    _present(workspace)
    _another(workspace, model)


@part
def _another(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The ways to choose another picture. They are many, so they are drawn only once somebody opens them; as a
    fragment, so that opening them does not stop an answer."""
    another = st.expander(
        "Another picture",
        expanded=workspace.image is None,
        icon=":material/add_photo_alternate:",
        key="first_picture" if workspace.image is None else "another_picture",
        on_change="rerun",
    )
    if not another.open:
        return
    if workspace.images:
        _beside(workspace, another)
    gallery, drawing, own = another.tabs(["Samples", "Draw one", "Your own"])
    with gallery:
        if sample_gallery(workspace, "sample"):
            st.rerun()
    with drawing:
        _draw_a_scene(workspace)
    with own:
        upload(workspace, model, "chat", frames=True)
        if st.button("Ask without a picture", icon=":material/hide_image:", disabled=workspace.image is None):
            workspace.choose_image(None)
            st.rerun()


def _beside(workspace: Workspace, place: DeltaGenerator) -> None:
    """Whether a picture that is chosen takes the place of the present ones or comes beside them."""
    chosen = place.segmented_control(
        "A picture chosen here",
        (INSTEAD, BESIDE),
        default=BESIDE if workspace.beside else INSTEAD,
        required=True,
        key="image_beside",
        help="A question can be about several pictures, each with its own maps and mask.",
    )
    workspace.beside = chosen == BESIDE


def sample_gallery(workspace: Workspace, key: str) -> bool:
    """Thumbnails of sample scenes, each with a button. True when one was chosen in this run."""
    chosen = False
    with st.container(key=f"gallery_{key}"):
        for start in range(0, len(GALLERY), COLUMNS):
            for place, seed in zip(st.columns(COLUMNS, gap="small"), GALLERY[start : start + COLUMNS], strict=False):
                recipe = SceneRecipe(seed)
                image = image_of(recipe)
                with place:
                    st.image(screen_copy(image, THUMBNAIL), alt=contents(recipe.scene()), width="stretch")
                    if st.button(f"Scene {seed}", key=f"{key}_{seed}", width="stretch", help=contents(recipe.scene())):
                        workspace.take_images(image)
                        chosen = True
    return chosen


def screen_copy(image: NamedImage, longest: int) -> bytes:
    """A JPEG of the picture with its longer side at `longest` pixels, made once: a page is drawn many times."""
    copies = _copies.setdefault(image, {})
    if longest not in copies:
        out = io.BytesIO()
        size = fit(image.image.size, longest)
        image.image.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=92, subsampling=0)
        copies[longest] = out.getvalue()
    return copies[longest]


def image_trouble(workspace: Workspace) -> None:
    """Why a picture was refused. File names are untrusted, so this is plain text."""
    if workspace.image_trouble:
        with st.container(border=True, key="picture_trouble"):
            st.markdown(":material/broken_image: **This file could not be used**")
            st.text(workspace.image_trouble)
            if workspace.image or workspace.exchanges:
                st.caption("The picture and the conversation you had are kept.")


def _present(workspace: Workspace) -> None:
    image_trouble(workspace)
    if len(workspace.images) > 1:
        _several(workspace)
        return
    image = workspace.image
    if image is None:
        with st.container(border=True):
            st.caption("No picture yet: choose a sample, draw a scene, upload one, or paste one into the question box.")
        return
    if image.video is not None:
        _frames(image, image.video)
        return
    alt = contents(image.recipe.scene()) if image.recipe else "the picture asked about"
    st.image(screen_copy(image, SHOWN), width=fit(image.image.size, SHOWN)[0], alt=alt)
    st.text(f"{image.name} · {image.image.width} × {image.image.height} px")
    _note(image)
    if note := shrink_note(image.image):
        st.caption(f":material/photo_size_select_large: {note}")


def _frames(image: NamedImage, video: Video) -> None:
    """A video as its frames, with their times."""
    clip = video.clip
    tiles = [
        Tile(partial(_small, frame), f"{number + 1} · {seconds(clip, clip.first + number)} s", f"frame {number + 1}")
        for number, frame in enumerate(video.frames)
    ]
    strip(tiles, "video", FRAME)
    st.text(f"{image.name} · {image.image.width} × {image.image.height} px")
    _note(image)


def _small(frame: Image.Image) -> Image.Image:
    return frame.resize(fit(frame.size, FRAME))


def _note(image: NamedImage) -> None:
    if image.note:
        st.caption(escaped(image.note))


def _several(workspace: Workspace) -> None:
    """The pictures in the order in which the model reads them; each can be moved and removed."""
    last = len(workspace.images) - 1
    with st.container(horizontal=True, gap="small", key="pictures"):
        for number, image in enumerate(workspace.images):
            with st.container(width=CARD, gap="xsmall"):
                st.image(screen_copy(image, CARD), alt=f"picture {number + 1}")
                frames = "" if image.video is None else f" ({counted(len(image.video.frames), 'frame')})"
                st.text(f"{number + 1}. {image.name}{frames}")
                _note(image)
                if note := shrink_note(image.image, number):
                    st.caption(note)
                with st.container(horizontal=True, gap="small"):
                    for icon, name, off in (
                        (":material/arrow_back:", "earlier", number == 0),
                        (":material/arrow_forward:", "later", number == last),
                        (":material/close:", "remove", False),
                    ):
                        st.button(
                            "",
                            icon=icon,
                            key=f"{name}_{number}",
                            type="tertiary",
                            disabled=off,
                            help=f"{name.capitalize()} picture {number + 1}" if name == "remove" else f"Move {name}",
                            on_click=_rearrange,
                            args=(workspace, name, number),
                        )


def _rearrange(workspace: Workspace, name: str, number: int) -> None:
    if name == "remove":
        workspace.remove_image(number)
    else:
        workspace.move_image(number, -1 if name == "earlier" else 1)


def _draw_a_scene(workspace: Workspace) -> None:
    recipe = workspace.image.recipe if workspace.image and workspace.image.recipe else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(
            "Seed",
            min_value=0,
            max_value=LARGEST_SEED,
            value=recipe.seed if recipe else GALLERY[0],
            step=1,
            help="The same seed always draws the same scene.",
            width=150,
        )
        if st.button("Draw", icon=":material/brush:"):
            workspace.take_images(image_of(SceneRecipe(int(seed))))
            st.rerun()
    if recipe is None:
        st.caption("Draw a scene to change one thing in it and keep everything else.")
        return
    st.caption("Change one thing and keep everything else:")
    groups = possible_changes(recipe.scene())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.selectbox("Change", list(groups), width=210)
        change = st.selectbox("to", groups[what], format_func=_value, width=130)
        if st.button("Apply"):
            _try(workspace, recipe.changed(change))
        _twin(workspace, change)
    if recipe.changes:
        st.text("Changed: " + "; ".join(change.sentence for change in recipe.changes))
        with st.container(horizontal=True):
            if st.button("Undo the last change"):
                _try(workspace, recipe.undone())
            if st.button("Back to the seed's scene"):
                _try(workspace, SceneRecipe(recipe.seed))


def _twin(workspace: Workspace, change: Change) -> None:
    """A button that asks of the scene with one thing changed what was asked of it, and pins both answers."""
    original = original_of(workspace)
    room = original is not None and room_for(workspace, original)
    clicked = st.button(
        "Ask its twin",
        key="ask_twin",
        icon=":material/compare:",
        disabled=not room,
        help="Ask a question about this scene first."
        if original is None
        else "Ask the same of the scene with this change, and see both answers on Side by Side."
        if room
        else "Too many answers are pinned for two more: unpin some on Side by Side.",
    )
    if clicked and original is not None:
        try:
            ask_twin(workspace, original, change)
        except UnreadableRecipe as error:
            workspace.image_trouble = str(error)
        st.rerun()


def _try(workspace: Workspace, recipe: SceneRecipe) -> None:
    try:
        # It is the same picture with one thing changed, whatever stands beside it.
        workspace.choose_images((*workspace.images[:-1], image_of(recipe)))
    except UnreadableRecipe as error:
        workspace.image_trouble = str(error)
    st.rerun()


def _value(change: Change) -> str:
    match change:
        case Recolour(color=value) | SetDoor(door=value):
            return value
        case _:
            return change.kind


def upload(workspace: Workspace, model: VisionLanguageModel, place: str, *, frames: bool = False) -> None:
    """Pictures and videos from this computer; with `frames`, also how many of a video are taken. `place` tells the
    widgets of different pages apart."""
    files = st.file_uploader(
        "Pictures or videos from this computer",
        accept_multiple_files=True,
        key=f"upload_{place}_{st.session_state.setdefault('uploads', 0)}",
        max_upload_size=largest_upload(model),
        help="PNG, JPEG, WebP, GIF, BMP or TIFF; turned upright, made RGB, at most 2048 pixels wide and high. Videos, "
        "for models that take them: MP4, WebM or GIF.",
    )
    if frames:
        _frame_count(workspace)
        st.caption("Or paste it into the question box (Ctrl+V), or drop it there.")
    if files:
        accept(workspace, model, [(file.getvalue(), file.name) for file in files])
        # A new key empties the uploader: the picture is now ours, and the same file may be given again.
        st.session_state["uploads"] += 1
        st.rerun()


def _frame_count(workspace: Workspace) -> None:
    """How many frames of the next video are taken."""
    number = st.number_input(
        "Frames of a video",
        1,
        MOST_FRAMES,
        workspace.frames,
        placeholder="as the model says",
        key="video_frames",
        help="How many frames of the next video are shown to the model, chosen by its processor's own rule. Empty: as "
        "many as the processor's settings say.",
        width=200,
    )
    workspace.frames = None if number is None else int(number)
