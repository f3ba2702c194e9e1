"""The answer word by word: one small map each, all from one run. Clicking a word makes it the target."""

from __future__ import annotations

import math

import streamlit as st

from ...answer import Answer, Target
from ...charts.heat_images import heat_images
from ...charts.tokens import visible
from ...counted import counted
from ...explainers.registry import explainers
from ...vlm.forecast import duration
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.map_downloads import number_downloads
from ..widgets.places import why_no_places
from ..widgets.seen import seen_button
from ..widgets.target import aim
from .maps import Look, Shown, drawn
from .running import compute, told_of
from .view import Order, RelevancyView

PAGE = 24
"""Words shown, and computed, at once."""
TILE = 128
PATIENCE = 30.0
"""Seconds that a page of words may be expected to take without being asked for."""


def word_gallery(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, orders: list[Order], look: Look
) -> None:
    """A tile for each word of the page that is chosen."""
    if not answer.layout.views:
        st.info(
            f"{why_no_places(answer)}, so there are no maps. 'Maps' shows the words of the question instead.",
            icon=":material/image_not_supported:",
        )
        return
    view = workspace.view(RelevancyView)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        order = chosen_order(orders, "gallery")
        words = _page(answer)
    targets = [Target(word) for word in words]
    if not _compute(view, model, answer, targets, order):
        return
    made = [(target, view.map_of(answer, target, order)) for target in targets]
    shown = [Shown(order, explanation) for _, explanation in made if explanation is not None]
    if not shown:
        st.text(view.obstacle(answer, targets[0], order) or "These words were not computed.")
        return
    _tiles(workspace, answer, shown, look)
    scale = "one scale of shares for all words" if look.common else "each word on its own scale"
    folded(
        f"{escaped(explainers()[order.method].name)} of {len(shown)} of {counted(len(answer.words()), 'word')}, "
        f"{scale}.{_unfinished(shown)}{_without_contrast(workspace)}",
        f"A word's map is the mean of its tokens' maps. {shown[0].explanation.seconds:.2f} s for "
        f"{counted(shown[0].explanation.together, 'target')} at once.",
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        with st.popover("Save", icon=":material/download:", type="tertiary"):
            maps = tuple(one.explanation for one in shown)
            number_downloads(answer, maps, f"{order.method}-words", "save_words")
        seen_button(answer, look.image, "words")


def _without_contrast(workspace: Workspace) -> str:
    """That every word stands for itself here, where the target is a word rather than another."""
    contrast = workspace.target is not None and workspace.target.rivals is not None
    return " Each word against all others: “rather than” is asked of the target alone." if contrast else ""


def _unfinished(shown: list[Shown]) -> str:
    """What to say of maps that were stopped on the way."""
    least = min(one.explanation.complete for one in shown)
    return f" Stopped when {least:.0%} was done: other patches have not been looked at." if least < 1 else ""


def chosen_order(orders: list[Order], name: str) -> Order:
    """The method of a view that shows one: the only one, or a choice."""
    if len(orders) == 1:
        return orders[0]
    by_method = {order.method: order for order in orders}
    method = st.selectbox(
        "Method",
        list(by_method),
        format_func=lambda key: explainers()[key].name,
        key=f"relevancy_{name}_method",
        persist_state="session",
        width=260,
    )
    return by_method[method]


def _page(answer: Answer) -> tuple[tuple[int, ...], ...]:
    words = answer.words()
    pages = math.ceil(len(words) / PAGE)
    if pages == 1:
        return words
    page = st.selectbox(
        "Words",
        range(pages),
        format_func=lambda number: f"{number * PAGE + 1} to {min(len(words), (number + 1) * PAGE)} of {len(words)}",
        key=f"relevancy_page_{pages}",
        persist_state="session",
        width=180,
    )
    return words[page * PAGE : (page + 1) * PAGE]


def _compute(
    view: RelevancyView,
    model: VisionLanguageModel,
    answer: Answer,
    targets: list[Target],
    order: Order,
) -> bool:
    """Compute words that are not there or not whole, unless that takes long and nobody asked. Whether to go on."""
    maps = {target: view.map_of(answer, target, order) for target in targets}
    missing = [target for target, map_ in maps.items() if map_ is None or map_.complete < 1]
    due = [target for target in missing if view.due(answer, target, order)]
    told = told_of(model, answer, missing, order) if missing else None
    seconds = None if told is None else told.seconds
    expected = view.seconds.get(order, 0.0) * len(missing) if seconds is None else seconds
    if missing and (not due or expected > PATIENCE):
        why = view.obstacle(answer, missing[0], order)
        with st.container(horizontal=True, vertical_alignment="center"):
            clicked = st.button(
                f"Compute {counted(len(missing), 'word')}", icon=":material/play_arrow:", key="compute_words"
            )
            st.text(why or f"About {duration(expected)}.")
        if not clicked:
            return any(map_ is not None for map_ in maps.values())
        for target in missing:
            view.ask(answer, target, order)
        due = missing
    if due:
        compute(view, model, answer, due, order)
    return True


def _tiles(workspace: Workspace, answer: Answer, shown: list[Shown], look: Look) -> None:
    maps, scales = zip(*drawn(answer, shown, look.common), strict=True)
    images = heat_images(
        answer.question.images,
        answer.layout,
        maps,
        size=TILE,
        scales=scales,
        opacity=look.opacity,
        only=(look.image,),
    )
    with st.container(horizontal=True, gap="small", key="relevancy_gallery"):
        for one, image in zip(shown, images, strict=True):
            target = one.explanation.target
            word = visible("".join(answer.tokens[index].text for index in target.tokens).strip())
            with st.container(width=TILE + 4, gap="small"):
                st.image(image, output_format="JPEG", alt=f"map of the word {word}")
                st.button(
                    escaped(word[:24]),
                    key=f"word_{target.tokens[0]}",
                    on_click=aim,
                    args=(workspace, target),
                    type="primary" if target == workspace.target else "secondary",
                    width="stretch",
                )
