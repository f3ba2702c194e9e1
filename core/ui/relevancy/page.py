"""The page below its answer bar: methods, maps, and one way at a time to look further."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import streamlit as st

from ...answer import Answer, Target
from ...explainers.registry import explainers
from ...geometry import clip_of
from ...vlm.model import VisionLanguageModel
from ..state.target import describe_target
from ..state.workspace import Workspace
from ..widgets.evidence.section import evidence_section
from ..widgets.evidence.view import Mapped
from ..widgets.exploring import explore
from ..widgets.forecasts import foretold
from ..widgets.frames import frames_section
from ..widgets.places import why_no_places
from . import maps, methods, table, text
from .change import change_panel
from .entry import layers_panel
from .found import parts_panel
from .gallery import chosen_order, word_gallery
from .maps import Look, Shown, map_cards
from .running import told_of
from .table import agreement_panel
from .text import image_against_text_panel
from .view import Order, RelevancyView

View = Literal["Maps", "Word by word", "Layer by layer", "Difference"]


def relevancy_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title: the answer bar, and what stands below it."""
    explore(workspace, model, workspace.view(RelevancyView).jobs, _below)


def _below(workspace: Workspace, model: VisionLanguageModel, answer: Answer | None) -> None:
    """Everything about `workspace.target` of an answer. `answer` is None where the answer bar has found none that this
    model can explain; what was computed of such an answer before is still shown."""
    if answer is None:
        _kept(workspace, model)
    elif workspace.target is not None:
        _explained(workspace, model, answer, workspace.target)


def _kept(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Maps of an answer of a model that is not loaded any more, as far as they are there."""
    answer, target = workspace.answer, workspace.target
    if answer is None or target is None:
        return
    orders = workspace.view(RelevancyView).orders(answer, target)
    if not orders:
        return
    st.caption("What was computed before the model was changed:")
    named = describe_target(answer, target, model)
    map_cards(workspace, None, answer, target, named, orders, maps.look(workspace))


def _explained(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """Methods and views."""
    placed = bool(answer.layout.views) or not answer.question.images

    def able(method: str) -> bool:
        return explainers()[method].obstacle(model, answer) is None

    orders = methods.choose(model.card, placed, able)
    if not orders:
        st.info("Choose a method above.", icon=":material/stacks:")
        return
    _foretold(workspace.view(RelevancyView), model, answer, target, orders)
    if not answer.layout.views:
        _no_places(answer, orders)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        view = st.segmented_control(
            "View",
            get_args(View),
            default="Maps",
            required=True,
            key="relevancy_view",
            persist_state="session",
            wrap=True,
        )
        look = maps.look(workspace)
    if view == "Maps":
        _maps(workspace, model, answer, target, orders, look)
    elif view == "Word by word":
        word_gallery(workspace, model, answer, orders, look)
    elif view == "Layer by layer":
        layers_panel(workspace.view(RelevancyView), model, answer, target, look)
    else:
        change_panel(workspace, model, answer, target, orders, look)


def _foretold(
    view: RelevancyView, model: VisionLanguageModel, answer: Answer, target: Target, orders: Sequence[Order]
) -> None:
    """How long the chosen methods take whose maps of the target are not there yet."""
    for order in orders:
        made = view.map_of(answer, target, order)
        if made is None or made.complete < 1:
            explainer = explainers()[order.method]
            foretold(told_of(model, answer, [target], order), explainer.cheaper, explainer.name)


def _maps(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target, orders: list[Order], look: Look
) -> None:
    """One map with its words beside it; several in a row, with words and agreement below."""
    named = describe_target(answer, target, model)
    # Rows that wrap: figures have fixed sizes, and in narrow columns they would overlap.
    if len(orders) == 1:
        with st.container(horizontal=True, gap="medium"):
            with st.container(width=maps.card_width(1)):
                shown = map_cards(workspace, model, answer, target, named, orders, look)
            with st.container(width=text.WIDTH + 10):
                image_against_text_panel(answer, target, shown)
                _parts(shown)
        _frame_by_frame(workspace, model, answer, target, shown, look)
        _tested(workspace, model, answer, shown)
        return
    shown = map_cards(workspace, model, answer, target, named, orders, look)
    _frame_by_frame(workspace, model, answer, target, shown, look)
    _tested(workspace, model, answer, shown)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=text.WIDTH + 10):
            st.markdown("#### Image against text")
            image_against_text_panel(answer, target, shown)
            _parts(shown)
        with st.container(width=table.WIDTH):
            st.markdown("#### Do they agree?")
            agreement_panel(answer, target, shown)


def _parts(shown: Sequence[Shown]) -> None:
    for one in shown:
        parts_panel(one.explanation, one.explainer.name)


def _tested(workspace: Workspace, model: VisionLanguageModel, answer: Answer, shown: Sequence[Shown]) -> None:
    tested = [Mapped(one.explainer.name, one.explanation) for one in shown]
    evidence_section(workspace, model, answer, tested, workspace.view(RelevancyView).jobs, over_words=True)


def _no_places(answer: Answer, orders: Sequence[Order]) -> None:
    if answer.question.images:
        st.info(
            f"{why_no_places(answer)}, so methods that score image tokens have no map. Their share as a whole, and the "
            "words, still hold; hiding pixels needs no grid, and its map is of squares of the picture.",
            icon=":material/image_not_supported:",
        )
        if not any(order.method == methods.WITHOUT_PLACES for order in orders):
            st.button("Hide pixels", key="hide_pixels", on_click=methods.add, args=(methods.WITHOUT_PLACES,))
    else:
        st.info(
            "This question was asked without a picture, so there is no map. What still holds: the scores of the "
            "question's and the earlier answer's words, layer by layer too, and how far the methods agree on them.",
            icon=":material/image_not_supported:",
        )


def _frame_by_frame(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target, shown: Sequence[Shown], look: Look
) -> None:
    """The frames of a video, where the picture that is shown is one: by the only map, or a choice."""
    if not shown or clip_of(answer.question, workspace.shown_image) is None:
        return
    order = chosen_order([one.order for one in shown], "frames")
    number = next(number for number, one in enumerate(shown) if one.order == order)
    values, scale = maps.drawn(answer, shown, look.common)[number]
    frames_section(
        workspace,
        model,
        shown[number].explanation.about(answer),
        target,
        values,
        scale,
        name=shown[number].explainer.name,
        opacity=look.opacity,
        jobs=workspace.view(RelevancyView).jobs,
    )
