"""The difference of two maps over one picture: another phrasing, a hidden region, another turn; or another word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Target
from ...charts.heatmap import Scale, heatmap, scale_of
from ...charts.tokens import cut, visible
from ...comparison.counterpart import counterpart
from ...comparison.keyword import likely_word
from ...errors import NotComparable
from ...maps.difference import difference, picture_shares
from ...masking import as_seen
from ...runs.absent import AbsentModel
from ...runs.identity import answer_id
from ...vlm.model import VisionLanguageModel
from ..state.adapters import NAMES, sides
from ..state.models import store
from ..state.results import same_images
from ..state.target import describe_target
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.map_downloads import map_downloads, subtracted
from ..widgets.places import why_no_places
from ..widgets.seen import seen_button
from .gallery import chosen_order
from .maps import Look, Shown, cost
from .running import compute
from .view import Order, RelevancyView

SIZE = 240
"""Pixels: two maps with their legends stand side by side in a window of 1024."""
SHORT = 60


@dataclass(frozen=True, eq=False)
class Other:
    """Another answer, in a few words which, and the model that gave it."""

    label: str
    answer: Answer
    model: VisionLanguageModel


def others(workspace: Workspace, model: VisionLanguageModel, answer: Answer) -> list[Other]:
    """Answers about the same picture by the same model, or by it with its adapter or without; this one first, where
    there is another word of it."""
    every = []
    if workspace.reasked is not None:
        every.append(Other("with a region hidden: ", workspace.reasked.answer, model))
    every += [Other("phrasing: ", other, model) for other in (workspace.compared.answers if workspace.compared else ())]
    every += [
        Other("asked: ", exchange.answer, model) for exchange in workspace.exchanges if exchange.answer is not None
    ]
    for side in sides(workspace, answer) or ():
        counterpart = store().loaded(side.answer.model)
        if side.answer.model != model.card.fingerprint and counterpart is not None:
            every.append(Other(f"{NAMES[side.tuned]}: ", side.answer, counterpart))
    seen = {answer}
    result = [Other("another word of this answer", answer, model)] if len(answer.words()) > 1 else []
    for other in every:
        own = other.answer.model == other.model.card.fingerprint
        fits = own and other.answer.tokens and same_images(answer, other.answer)
        if fits and other.answer not in seen:
            seen.add(other.answer)
            asked = f"{_short(other.answer.question.text)} → {_short(other.answer.text)}"
            result.append(Other(f"{other.label}{asked}", other.answer, other.model))
    return result


def change_panel(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target, orders: list[Order], look: Look
) -> None:
    """Choose the second map; both maps and their difference."""
    if not answer.layout.views:
        st.info(f"{why_no_places(answer)}, so there are no maps to subtract.", icon=":material/image_not_supported:")
        return
    choices = others(workspace, model, answer)
    if not choices:
        st.info(
            "This answer has one word and is the only one about its picture, so there is no second map. Ask the same "
            "in other words, or hide a region (both in Chat), to subtract that map.",
            icon=":material/lightbulb:",
        )
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        order = chosen_order(orders, "difference")
        other = _choose_answer(choices, workspace, answer)
        word = _choose_word(other.answer, answer, target)
    if len(choices) == 1 and other.answer is answer:
        st.caption(
            ":material/lightbulb: Ask the same in other words, or hide a region (both in Chat), to subtract that map."
        )
    try:
        second = counterpart(answer, target, other.answer, word)
        both = (model, answer, target), (other.model, other.answer, second)
        maps = _both(workspace.view(RelevancyView), order, *both)
        if maps is None:
            return
        _figures(answer, target, other.answer, second, maps, look, model)
    except NotComparable as error:
        st.text(str(error))


def _choose_answer(choices: list[Other], workspace: Workspace, answer: Answer) -> Other:
    number = st.selectbox(
        "Less the map of",
        range(len(choices)),
        index=next((number for number, other in enumerate(choices) if other.answer is not answer), 0),
        format_func=lambda index: choices[index].label,
        key=f"relevancy_other_{len(choices)}_{workspace.inspected.id if workspace.inspected else ''}",
        persist_state="session",
        width=460,
    )
    return choices[number]


def _choose_word(other: Answer, answer: Answer, target: Target) -> tuple[int, ...]:
    """A word of the other answer; first the one that reads as the target does, or else its key word."""
    words = list(other.words())
    text = "".join(answer.tokens[index].text for index in target.tokens)
    first = likely_word(other, text)
    if other is answer:
        # A map less itself is nothing: begin with the next word.
        first = words[(words.index(first) + 1) % len(words)]
    chosen = st.selectbox(
        "at its word",
        range(len(words)),
        index=words.index(first),
        format_func=lambda number: visible(_text(other, words[number])),
        key=f"relevancy_word_{answer_id(other)[:12]}_{target.tokens[0]}_{target.tokens[-1]}",
        persist_state="session",
        width=200,
    )
    return words[chosen]


def _text(answer: Answer, word: tuple[int, ...]) -> str:
    return "".join(answer.tokens[index].text for index in word).strip()


def _short(text: str) -> str:
    return cut(" ".join(text.split()), SHORT)


def _both(view: RelevancyView, order: Order, *wanted: tuple[VisionLanguageModel, Answer, Target]) -> list[Shown] | None:
    """Both maps, computed where they are missing; None, and a sentence on the page, when one cannot be had."""
    for model, answer, target in wanted:
        if view.due(answer, target, order):
            compute(view, model, answer, [target], order)
        if view.map_of(answer, target, order) is None:
            st.text(view.obstacle(answer, target, order) or "This map is not there yet.")
            if not isinstance(model, AbsentModel):
                st.button("Compute it", key="again_difference", on_click=view.ask, args=(answer, target, order))
            return None
    maps = [view.map_of(answer, target, order) for _, answer, target in wanted]
    return [Shown(order, explanation) for explanation in maps if explanation is not None]


def _figures(
    answer: Answer,
    target: Target,
    other: Answer,
    second: Target,
    maps: list[Shown],
    look: Look,
    model: VisionLanguageModel,
) -> None:
    change = difference(maps[0].scores, answer.layout, maps[1].scores, other.layout)
    one, two = picture_shares(maps[0].scores, answer.layout), picture_shares(maps[1].scores, other.layout)
    common = scale_of(one, two, signed=maps[0].explainer.signed)
    seen_button(answer, look.image, "difference")
    with st.container(horizontal=True, gap="medium"):
        _figure(answer, one, common, look, describe_target(answer, target, model), maps[0])
        _figure(other, two, common, look, describe_target(other, second, model), maps[1])
        _figure(answer, change, scale_of(change, signed=True), look, "First minus second", None)
    less = f"{describe_target(other, second, model)} of “{other.text}”, asked “{other.question.text}”"
    both = subtracted(maps[0].explanation, change, less, answer.layout)
    named = f"{describe_target(answer, target, model)} minus {less}"
    map_downloads(answer, both, named, change, scale_of(change, signed=True), look.opacity, True, look.image)
    folded(
        "Purple patches have a larger share of the score in the first map, orange ones in the second.",
        "Each map is shown as shares of its own score on the picture, the first two on one scale. Words have no "
        "counterpart in another question, so only patches are subtracted.",
    )


def _figure(
    answer: Answer, values: Float[np.ndarray, "position"], scale: Scale, look: Look, title: str, one: Shown | None
) -> None:
    with st.container(width=SIZE + 70, gap="small"):
        st.text(title)
        chart = heatmap(
            as_seen(answer.question),
            answer.layout,
            values,
            size=SIZE,
            scale=scale,
            opacity=look.opacity,
            only=(look.image,),
            label="share",
        )
        st.altair_chart(chart, width="content", alt=f"map: {title}")
        if one is not None:
            st.caption(f"{escaped(one.explainer.name)} · {cost(one)}")
