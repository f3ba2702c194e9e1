"""The Attention Explorer: which head, where it looks, and who looks at what.

Everything below the answer bar is a fragment of its own, so that a click there does not draw the bar again.
"""

from __future__ import annotations

from functools import partial
from typing import get_args

import streamlit as st

from ...answer import Answer, HeldRows, TokenKind
from ...attention.measures import MEASURES, by_key
from ...attention.sinks import FACTOR, SinkKind, Sinks
from ...charts.heads import head_name
from ...charts.heatmap import scale_of
from ...geometry import clip_of
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import whole_answer
from ..state.workspace import Workspace
from ..widgets.drawing import drawing_choice
from ..widgets.exploring import explore
from ..widgets.frames import frames_section
from ..widgets.kept_rows import rows_held, what_is_kept
from ..widgets.part import part
from .attention_map import attention_map_panel
from .attention_to_patches import attention_to_patches_panel
from .gallery import head_gallery
from .grounding import grounding_panel
from .heads import attention_heads_panel
from .sinks import sinks_panel
from .subject import Subject, looks_of, sinks_of, subject_of
from .tower import tower_panel
from .view import AttentionView, Lens
from .words import words_panel

NAMES: dict[SinkKind, tuple[str, str]] = {
    "first": ("the first token", "first tokens"),
    "template": ("1 template token", "template tokens"),
    "patch": ("1 sink patch", "sink patches"),
    "word": ("1 sink word", "sink words"),
}
"""A kind of sinks: one of them, and several."""


def attention_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title: the answer bar, and what stands below it."""
    explore(workspace, model, workspace.view(AttentionView).jobs, _below, contrasts=False)


def _below(workspace: Workspace, model: VisionLanguageModel, answer: Answer | None) -> None:
    """The page below the answer bar; nothing where the bar found nothing to look into."""
    if answer is None:
        return
    if answer.attention is None:
        st.info(
            f"No attention was kept with this answer: {model.card.name} computes it in a way of its own, or it was "
            "asked for without. The other pages need no attention rows.",
            icon=":material/info:",
        )
        return
    _explore(workspace, model, answer, workspace.shown_image)


@part
def _explore(workspace: Workspace, model: VisionLanguageModel, answer: Answer, image: int) -> None:
    """Everything over picture number `image`."""
    if workspace.shown_image != image:
        # Another frame was clicked: the bar above shows it, too.
        st.rerun()
    view = workspace.view(AttentionView)
    view.about(answer, model.card)
    controls = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    held = rows_held(view, model, answer, workspace.target.tokens if workspace.target else ())
    if held is None:
        return
    with controls:
        _controls(workspace, view, answer, held)
    what_is_kept(view, model, answer, held)
    sinks_panel(view, model, answer, held)
    subject = subject_of(workspace, model, answer, held, view)
    figures = attention_heads_panel(view, subject, partial(attention_map_panel, workspace, view, subject))
    if answer.layout.views:
        grounding_panel(view, model.card)
    _frame_by_frame(workspace, model, view, subject)
    lenses = [lens for lens in get_args(Lens) if answer.layout.views or lens == "Question and answer words"]
    view.lens = st.segmented_control(
        "Look further",
        lenses,
        default=view.lens if view.lens in lenses else lenses[0],
        required=True,
        key=f"attention_lens_{len(lenses)}",
        persist_state="session",
        wrap=True,
    )
    if view.lens == "All heads of a layer":
        head_gallery(view, subject, figures)
    elif view.lens == "Who looks at these patches":
        attention_to_patches_panel(view, model, subject)
    elif view.lens == "Question and answer words":
        words_panel(view, model, subject)
    else:
        tower_panel(view, model, answer, subject.image)


def _frame_by_frame(workspace: Workspace, model: VisionLanguageModel, view: AttentionView, subject: Subject) -> None:
    """The frames of a video, where the picture that is shown is one."""
    answer = subject.answer
    if clip_of(answer.question, workspace.shown_image) is None:
        return
    looks = looks_of(view, subject)
    frames_section(
        workspace,
        model,
        answer,
        workspace.target or whole_answer(answer),
        looks,
        scale_of(*[looks[list(shown.positions)] for shown in answer.layout.views]),
        name=f"Attention, {head_name(view.head)}",
        opacity=view.opacity,
        jobs=view.jobs,
    )


def _controls(workspace: Workspace, view: AttentionView, answer: Answer, held: HeldRows) -> None:
    there = {"patches": bool(view.patches), "image": bool(answer.layout.positions(TokenKind.IMAGE))}
    keys = [measure.key for measure in MEASURES if there.get(measure.key, True)]
    view.measure = st.selectbox(
        "Colour heads by",
        keys,
        index=keys.index(view.measure) if view.measure in keys else 0,
        format_func=lambda key: by_key(key).name,
        key=f"attention_measure_{'_'.join(keys)}",
        width=200,
        help="\n\n".join(f"**{measure.name}**: {measure.help}" for measure in MEASURES),
    )
    _sinks(view, sinks_of(view, answer, held))
    if answer.layout.views:
        drawing_choice(workspace)
        view.drawing = workspace.drawing
        view.opacity = st.slider(
            "Opacity", 0.0, 1.0, view.opacity, 0.05, key="attention_opacity", persist_state="session", width=160
        )


def _sinks(view: AttentionView, sinks: Sinks) -> None:
    """The sinks by kind, with what they take; the chosen kinds are left out everywhere on the page."""
    names: dict[SinkKind, str] = {}
    for kind, (one, many) in NAMES.items():
        of_kind = sinks.of_kind(kind)
        if of_kind:
            weight = sum(sink.weight for sink in of_kind)
            names[kind] = f"{one if len(of_kind) == 1 else f'{len(of_kind)} {many}'} · {weight:.0%}"
    unsure = "" if sinks.steady else " (The answer is too short to tell whether they stay sinks.)"
    view.left_out = tuple(
        st.pills(
            "Leave out attention sinks",
            list(names),
            selection_mode="multi",
            default=[kind for kind in view.left_out if kind in names],
            format_func=names.__getitem__,
            key=f"attention_sinks_{'_'.join(names)}",
            persist_state="session",
            help="Positions that soak up attention whatever is being said: the first token (Xiao et al. 2023), and "
            f"prompt tokens or patches that get at least {FACTOR:g} times an even share, whichever word is said "
            f"(compare Kang et al. 2025).{unsure} The percentage is what they take, averaged over all heads and "
            "tokens. What is left of each row is divided by its sum.",
            wrap=True,
        )
    )
