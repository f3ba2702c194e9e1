"""The maps of one target side by side, each with what it is, what it cost and what it does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Explanation, Target
from ...cases.known_cause.summary import caveat_of
from ...charts.heatmap import Scale, heatmap, scale_of
from ...counted import counted
from ...explainers.base import Explainer
from ...explainers.registry import explainers
from ...maps.agreement import agreement
from ...maps.difference import image_positions_of
from ...maps.scale import as_shares
from ...runs.absent import AbsentModel
from ...runs.kinds import EXPLANATION
from ...vlm.memory import readable_bytes
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.closer import closer_button
from ..widgets.controls import settings_text
from ..widgets.drawing import drawing_choice
from ..widgets.every_picture import every_picture
from ..widgets.evidence.badges import evidence_badges
from ..widgets.evidence.view import EvidenceView
from ..widgets.folded import folded
from ..widgets.map_downloads import map_downloads
from ..widgets.scripts import Made, copy_script
from ..widgets.seen import seen_button
from .found import sets_beside
from .methods import add
from .running import compute
from .view import Order, RelevancyView

OWN, COMMON = "each on its own", "all on one, as shares"
SIZES = (360, 330, 250)
"""Longer side in pixels of one, two, and more maps beside each other."""
LEGEND = 70
"""Pixels beside a map for the colours' meaning."""
REFERENCE = {"suffix_relevancy": "relevancy"}
"""Methods that stand in for another one, whose agreement with it is measured and shown."""


@dataclass(frozen=True)
class Look:
    """How maps are drawn: their opacity, whether all are on one scale, and over which of the question's pictures."""

    opacity: float
    common: bool
    image: int


@dataclass(frozen=True)
class Shown:
    """A map that is there."""

    order: Order
    explanation: Explanation

    @property
    def explainer(self) -> Explainer:
        return explainers()[self.order.method]

    @property
    def scores(self) -> Float[np.ndarray, "position"]:
        return self.explanation.scores.numpy()


def look(workspace: Workspace) -> Look:
    """The controls of all maps together, folded: in a window of 1024 x 800 they would push the maps out of it."""
    with st.popover(
        "Look", icon=":material/palette:", help="Colours, opacity, and how maps and picture stand together."
    ):
        scale = st.segmented_control(
            "Colours",
            (OWN, COMMON),
            default=OWN,
            required=True,
            key="relevancy_scale",
            persist_state="session",
            help="Methods have different units. On one scale each score is shown as a share of all the map's score on "
            "the picture.",
            wrap=True,
        )
        drawing_choice(workspace)
        opacity = st.slider("Opacity", 0.0, 1.0, 0.6, 0.05, key="relevancy_opacity", persist_state="session", width=200)
    return Look(opacity, scale == COMMON, workspace.shown_image)


def scales(values: Sequence[Float[np.ndarray, "patch"]], signed: Sequence[bool], common: bool) -> list[Scale]:
    """A scale for each map: its own, or ones that end at the same value."""
    own = [scale_of(one, signed=two_sided) for one, two_sided in zip(values, signed, strict=True)]
    if not common:
        return own
    most = max((max(abs(scale.low), scale.high) for scale in own), default=1.0)
    return [Scale(-most if scale.low < 0 else 0.0, most, scale.signed) for scale in own]


def drawn(answer: Answer, shown: Sequence[Shown], common: bool) -> list[tuple[Float[np.ndarray, "position"], Scale]]:
    """For each map the values to draw (shares of the picture's score on a common scale) and their scale."""
    values, over_picture = [], []
    for one in shown:
        places = image_positions_of(one.explanation.about(answer).layout)
        scores = one.scores.astype(np.float64)
        if common:
            scores[places] = as_shares(scores[places])
        values.append(scores)
        over_picture.append(scores[places])
    ends = scales(over_picture, [one.explainer.signed for one in shown], common)
    return list(zip(values, ends, strict=True))


def map_cards(
    workspace: Workspace,
    model: VisionLanguageModel | None,
    answer: Answer,
    target: Target,
    named: str,
    orders: Sequence[Order],
    look: Look,
) -> list[Shown]:
    """Every map of the target, those that are due computed on the way, with what tests of it found. Returns the maps
    that are there.

    `named` is the target in words, for files. Without a model only what was computed before is shown.
    """
    view = workspace.view(RelevancyView)
    if model is not None:
        # Before anything is drawn: the maps of the former target stay on screen as long as it takes.
        for order in orders:
            if view.due(answer, target, order):
                compute(view, model, answer, [target], order)
    size = _size(len(orders))
    cards = _cards(orders, size)
    made = [(order, view.map_of(answer, target, order)) for order in orders]
    shown = [Shown(order, explanation) for order, explanation in made if explanation is not None]
    figures = dict(zip((one.order for one in shown), drawn(answer, shown, look.common), strict=True))
    by_order = {one.order: one for one in shown}
    for order, card in zip(orders, cards, strict=True):
        with card:
            if order in by_order:
                values, scale = figures[order]
                _map(workspace, answer, by_order[order], named, values, scale, look, size)
                evidence_badges(workspace.view(EvidenceView), answer, by_order[order].explanation)
                _agreement(view, answer, target, by_order[order], model is not None)
            _again(view, answer, target, order, model)
    return shown


def _size(number: int) -> int:
    return SIZES[min(number, len(SIZES)) - 1]


def card_width(number: int) -> int:
    """The width in pixels of each of `number` maps with its legend."""
    return _size(number) + LEGEND


def _cards(orders: Sequence[Order], size: int) -> list[st.delta_generator.DeltaGenerator]:
    """A card for each method with its name on it; cards wrap where the page is narrow."""
    cards = []
    with st.container(horizontal=True, gap="small", key="relevancy_maps"):
        for order in orders:
            cards.append(st.container(width=size + LEGEND, gap="xsmall"))
            cards[-1].markdown(f"**{escaped(explainers()[order.method].name)}**")
    return cards


def _map(
    workspace: Workspace,
    answer: Answer,
    one: Shown,
    named: str,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    look: Look,
    size: int,
) -> None:
    asked, answer = answer, one.explanation.about(answer)
    if answer.layout.views:
        label = "share" if look.common else "score"
        draw = partial(
            heatmap,
            answer.question.images,
            answer.layout,
            values,
            scale=scale,
            opacity=look.opacity,
            only=(look.image,),
            label=label,
            drawing=workspace.drawing,
        )
        st.altair_chart(draw(size=size), width="content", alt=f"{one.explainer.name} over the picture")
        closer_button(answer.layout, look.image, one.order.method, lambda size: draw(size=size, zoom=True))
        signed = one.explainer.signed
        every_picture(workspace, answer, values, one.order.method, signed=signed, opacity=look.opacity)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(cost(one), width="content")
        map_downloads(answer, one.explanation, named, values, scale, look.opacity, look.common, look.image)
        copy_script(asked, Made(EXPLANATION, one.explanation), one.order.method)
        seen_button(answer, look.image, one.order.method)
    if one.explanation.complete < 1:
        st.caption(
            f":material/timelapse: {one.explanation.complete:.0%} of it was done; hatched patches were not looked at."
        )
    if one.explanation.remark is not None:
        st.caption(f":material/info: {escaped(one.explanation.remark)}")
    sets_beside(answer, one.explanation, look.image, size)
    st.caption(escaped(caveat_of(one.explainer)))


def cost(one: Shown) -> str:
    """Settings, seconds and memory in one line, for a caption."""
    explanation = one.explanation
    together = f" for {explanation.together} at once" if explanation.together > 1 else ""
    memory = "" if explanation.peak_bytes is None else f" · {readable_bytes(explanation.peak_bytes)}"
    return f"{escaped(settings_text(one.order.settings))} · {explanation.seconds:.2f} s{together}{memory}"


def _agreement(view: RelevancyView, answer: Answer, target: Target, one: Shown, may_compute: bool) -> None:
    """How far a method that stands in for another agrees with it, here and now."""
    method = REFERENCE.get(one.order.method)
    if method is None or method not in explainers():
        return
    name = explainers()[method].name
    exact = view.latest(answer, target, method)
    places = image_positions_of(answer.layout)
    if exact is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/help: Agreement with {escaped(name)} is not known here.", width="content")
            if may_compute:
                st.button("Measure it", key=f"measure_{method}", on_click=add, args=(method,), type="tertiary")
    elif places:
        agreed = agreement(one.scores[places], exact.scores.numpy()[places])
        folded(
            f":material/compare: Rank correlation with {escaped(name)}: {agreed.rank:.2f}.",
            f"Over {counted(agreed.places, 'patch', 'patches')}; {agreed.overlap:.0%} of the top {agreed.top} are the "
            f"same (by chance {agreed.chance:.0%}).",
        )


def _again(
    view: RelevancyView, answer: Answer, target: Target, order: Order, model: VisionLanguageModel | None
) -> None:
    """Why a map is not there, or not whole, and a button to compute it all the same where the method is able to."""
    made = view.map_of(answer, target, order)
    if made is not None and made.complete == 1:
        return
    why = "It was not computed for this target." if model is None else view.obstacle(answer, target, order)
    if why is not None and made is None:
        st.text(why)
    if model is None or isinstance(model, AbsentModel):
        return
    if explainers()[order.method].obstacle(model, answer) is None:
        st.button(
            "Compute it",
            key=f"again_{order.method}",
            icon=":material/play_arrow:",
            on_click=view.ask,
            args=(answer, target, order),
        )
