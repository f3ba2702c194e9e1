"""Hide a region of the picture, ask again, and see what that did to each token of the original answer."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import streamlit as st
from jaxtyping import Bool
from streamlit_drawable_canvas import st_canvas

from ...answer import Answer, Box, Fill, RegionMask
from ...charts.overlays import fit, region_overlay
from ...charts.palette import HIDDEN_RGB, rgba
from ...charts.seen import seen_part
from ...charts.tokens import aligned_chart, aligned_tokens
from ...counted import counted
from ...geometry import clip_of, hidden_note, never_seen, percent
from ...masking import FILL_NAMES, apply_mask, as_seen, covered_patches, rasterize, snap_to_patches
from ...perturb.perturbation import HiddenPixels
from ...perturb.reask import Reasked, reask_under
from ...quantities import change_in_nats
from ...runs.kinds import REASKED
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.job import Job
from ..state.reasks import add, shown_of
from ..state.workspace import Exchange, MaskDraft, Workspace
from ..widgets.asking import stop_row, trouble_of
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.picture_choice import picture_choice
from ..widgets.places import why_no_places
from ..widgets.scripts import Made, copy_script
from ..widgets.seen import seen_button
from ..widgets.taken_charts import aligned_rows, save_chart
from .reasks import reasks_panel
from .through import draft_of, hidden_in_words, masked_frames, names_of, through_frames_choice

CANVAS, RESULT, SEEN = 384, 500, 140
"""Widths in pixels: the canvas's longer side, the column beside it, and the picture the model sees in it."""
TOOLS = {"brush": "freedraw", "rectangle": "rect", "polygon": "polygon"}
ICONS = {"brush": ":material/brush:", "rectangle": ":material/crop_square:", "polygon": ":material/polyline:"}
PURPOSE = "asking again with a region hidden"


def mask_editor(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """Canvas and tools on the left; what the model then sees, and what it then says, on the right."""
    if answer.model != model.card.fingerprint:
        st.info(
            "Another model gave this answer. Ask the question again to compare like with like.", icon=":material/info:"
        )
        return
    if not answer.question.images:
        st.info(
            "This answer was given without a picture, so there is nothing to hide.",
            icon=":material/image_not_supported:",
        )
        return
    picture_choice(workspace, exchange, answer.question)
    number = workspace.shown_image
    clip = clip_of(answer.question, number)
    draft = draft_of(workspace, answer.question, number)
    hidden = _hidden(draft, answer, number)
    masks = _masks(workspace, answer)
    if clip is not None:
        masked_frames(workspace, answer.question, clip, masks)
    # A row that wraps: the canvas has a fixed size, and in a narrow column it would be clipped.
    with st.container(horizontal=True, gap="large"):
        with st.container(width=CANVAS + 2):
            if clip is not None:
                through_frames_choice(workspace, answer.question, clip, number)
            _tools(draft)
            _canvas(draft, hidden, exchange, answer, number)
        with st.container(width=RESULT):
            _fill(draft, number)
            _what_the_model_sees(workspace, model, answer, RegionMask(hidden, draft.fill, number), masks)
            reasked = shown_of(workspace, answer)
            if reasked is not None:
                _result(reasked, masks)
    reasks_panel(workspace, model, exchange, answer)


def _fill(draft: MaskDraft, number: int) -> None:
    key = f"fill_{number}"

    def chosen() -> None:
        draft.fill = st.session_state[key]

    # Frames may have one region together, so what a widget remembers may be of another one.
    st.session_state[key] = draft.fill
    st.segmented_control(
        "Fill the region with",
        get_args(Fill),
        required=True,
        format_func=FILL_NAMES.__getitem__,
        key=key,
        on_change=chosen,
        wrap=True,
    )


def _hidden(draft: MaskDraft, answer: Answer, number: int) -> Bool[np.ndarray, "height width"]:
    """The region of a picture, as whole patches where that is wanted."""
    return snap_to_patches(draft.hidden, answer.layout, number) if draft.snap else draft.hidden


def _masks(workspace: Workspace, answer: Answer) -> tuple[RegionMask, ...]:
    """What is hidden of all pictures of the question, picture by picture."""
    drafts = [draft_of(workspace, answer.question, number) for number in range(len(answer.question.images))]
    regions = [(_hidden(draft, answer, number), draft.fill) for number, draft in enumerate(drafts)]
    return tuple(RegionMask(hidden, fill, number) for number, (hidden, fill) in enumerate(regions) if hidden.any())


def _what_the_model_sees(
    workspace: Workspace,
    model: VisionLanguageModel,
    answer: Answer,
    mask: RegionMask,
    masks: tuple[RegionMask, ...],
) -> None:
    """The shown picture under its `mask`, and the button to ask again under those of all pictures."""
    image = as_seen(answer.question)[mask.image]
    with st.container(horizontal=True, gap="medium"):
        seen = seen_part(apply_mask(image, mask), answer.layout, mask.image)
        st.image(seen.resize(fit(seen.size, SEEN)), alt="what the model sees", caption="what it sees")
        with st.container(width=RESULT - SEEN - 40):
            _ask_again(workspace, model, answer, masks)
            others = [other.image for other in masks if other.image != mask.image]
            if others:
                st.caption(f"A region is hidden in {names_of(answer.question, others)}, too.")


def _tools(draft: MaskDraft) -> None:
    tool = st.segmented_control(
        "Draw the region to hide with",
        list(TOOLS),
        default="rectangle",
        required=True,
        format_func=lambda name: f"{ICONS[name]} {name}",
        key="mask_tool",
        persist_state="session",
        wrap=True,
    )
    if tool == "brush":
        st.slider("Brush width", 4, 80, 24, key="brush_width", persist_state="session", width=240)
    elif tool == "polygon":
        st.caption("Click the corners; click the first one again to close the shape.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Undo", icon=":material/undo:", disabled=not draft.past, key="mask_undo"):
            draft.undo()
            st.rerun()
        if st.button(
            "Invert", icon=":material/invert_colors:", help="Keep only this region, hide the rest", key="mask_invert"
        ):
            draft.become(~draft.hidden)
            st.rerun()
        if st.button("Clear", icon=":material/ink_eraser:", disabled=not draft.hidden.any(), key="mask_clear"):
            draft.become(np.zeros_like(draft.hidden))
            st.rerun()
        snap = st.toggle(
            "Snap to patches", value=draft.snap, key=f"snap_{draft.snap}", help="Hide whole patches, nothing in between"
        )
        if snap != draft.snap:
            draft.snap = snap
            draft.strokes += 1
            st.rerun()


def _canvas(
    draft: MaskDraft, hidden: Bool[np.ndarray, "height width"], exchange: Exchange, answer: Answer, number: int
) -> None:
    """The drawing canvas. Our own region is its backdrop; each finished shape is added to it and the canvas begins
    afresh, so that undo, invert and a page switch all work on one truth."""
    height, width = draft.hidden.shape
    size = fit((width, height), CANVAS)
    boxes = _covered_boxes(hidden, answer, number)
    tool = TOOLS[st.session_state.get("mask_tool") or "rectangle"]
    with st.container(key="canvas_area"):
        drawn = st_canvas(
            background_image=region_overlay(
                answer.question.images[number], hidden, boxes, size, never_seen(answer.layout, number)
            ),
            width=size[0],
            height=size[1],
            drawing_mode=tool,
            stroke_width=st.session_state.get("brush_width", 24) if tool == "freedraw" else 1,
            stroke_color=rgba(HIDDEN_RGB, 0.8),
            fill_color=rgba(HIDDEN_RGB, 0.5),
            key=f"canvas_{exchange.serial}_{number}_{draft.strokes}",
        )
    added = _drawn_region(drawn.json_data, (width, height), size)
    if added is not None:
        draft.become(draft.hidden | added)
        st.rerun()
    total = sum(len(view.positions) for view in answer.layout.views if number in view.images)
    if not total:
        st.caption(f"{why_no_places(answer)}, so no patches can be named.")
    elif not hidden.any():
        st.caption(f"Nothing is hidden yet: draw on the picture. It has {counted(total, 'patch', 'patches')}.")
    else:
        patches = counted(total, "patch", "patches")
        st.caption(f"{len(boxes)} of {patches} covered (outlined), {percent(hidden.mean())} of the picture.")
    if note := hidden_note(hidden, answer.layout, number):
        st.caption(f":material/visibility_off: {note}")
    seen_button(answer, number, "mask")
    if hidden.all():
        st.caption(
            ":material/info: The whole picture is hidden: what is left is what the model answers from the words alone."
        )


def _covered_boxes(hidden: Bool[np.ndarray, "height width"], answer: Answer, number: int) -> list[Box]:
    covered = set(covered_patches(hidden, answer.layout, number))
    return [
        view.patch_box(index)
        for view in answer.layout.views
        if number in view.images
        for index, position in enumerate(view.positions)
        if position in covered
    ]


def _drawn_region(
    drawing: dict[str, Any] | None, image_size: tuple[int, int], canvas_size: tuple[int, int]
) -> Bool[np.ndarray, "height width"] | None:
    """The region of a newly drawn shape, or None where nothing was drawn."""
    if not drawing or not drawing.get("objects"):
        return None
    region = rasterize(drawing, image_size, canvas_size)
    return region if region.any() else None


def _ask_again(workspace: Workspace, model: VisionLanguageModel, answer: Answer, masks: tuple[RegionMask, ...]) -> None:
    clicked = st.button(
        "Ask again without it",
        type="primary",
        icon=":material/visibility_off:",
        disabled=not masks,
        key="ask_again",
    )
    st.caption("The same question, decoding and history, with the region hidden before the model's processor sees it.")
    if not clicked:
        return
    status = stop_row("stop_mask")
    place = st.empty()
    said: list[str] = []
    target = workspace.target

    def show_piece(piece: str) -> None:
        said.append(piece)
        place.text("".join(said))

    def ask_again(cancel: CancelToken, say: Any) -> Reasked:
        return reask_under(model, answer, HiddenPixels(masks), target=target, cancel=cancel, say=say)

    def run() -> None:
        add(workspace, Job(model, PURPOSE, ask_again, whole=True).watch(status, show_piece))

    trouble = trouble_of(PURPOSE, run)
    if trouble:
        st.text(trouble)
    else:
        st.rerun()


def _result(reasked: Reasked, masks: tuple[RegionMask, ...]) -> None:
    original, other, outcome = reasked.original, reasked.answer, reasked.outcome
    if outcome.perturbation != HiddenPixels(masks):
        st.caption(":material/history: The region has changed since: what follows is about the former one.")
    st.caption("The original answer")
    st.text(original.text)
    taken = outcome.perturbation
    st.caption(
        f"With {hidden_in_words(original.question, taken.masks) if isinstance(taken, HiddenPixels) else taken.words}"
    )
    st.text(other.text or "(no word)")
    columns = aligned_tokens(
        [token.label for token in original.tokens], [token.label for token in other.tokens], outcome.changes.tolist()
    )
    chart = aligned_chart(columns, RESULT)
    st.altair_chart(chart, width="content", alt="the two answers token by token")
    folded(
        f"The original answer's log-probability changes by {escaped(change_in_nats(outcome.change))} under the masked "
        "picture. Orange: less probable, purple: more probable.",
        "Rows: the original's tokens, the new answer's, and the change in log-probability (nats) of each original "
        "token when it is read under the masked picture. A changed answer shows that the region mattered here, not "
        "that nothing else did.",
    )
    with st.container(horizontal=True, gap="small"):
        save_chart(chart, "asked-again", "save_asked_again", aligned_rows(columns))
        copy_script(original, Made(REASKED, reasked))
