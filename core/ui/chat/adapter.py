"""The same question with the model's adapter and without: answers and maps side by side, on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Question, Target
from ...cases.adapter import Side, side
from ...charts.heatmap import OPACITY, Scale, heatmap, scale_of
from ...comparison.keyword import key_tokens
from ...errors import ModelUnavailable, NotComparable
from ...explainers.registry import explainers
from ...maps.difference import difference, picture_shares
from ...masking import as_seen
from ...quantities import probability
from ...runs.kinds import EXPLANATION
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.job import Job
from ..state.adapters import NAMES, SIDES, sides, sides_key, tuned_spec, without_adapter
from ..state.models import store
from ..state.workspace import Workspace
from ..widgets.asking import stop_row, trouble_of
from ..widgets.map_downloads import map_downloads, subtracted
from ..widgets.pinning import pin_button, pins_link
from ..widgets.scripts import Made, copy_script

SIZE = 220
PURPOSE = "asking with the adapter and without"
DIFFERENCE = "Difference: with minus without"


def adapter_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer) -> None:
    """Ask both on demand; what they said and looked at, and how that differs."""
    tuned = tuned_spec(workspace)
    if tuned is None:
        return
    both = sides(workspace, answer)
    st.caption("The question above, asked of the model with its adapter and without, and what a word of each rests on.")
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            "Ask both" if both is None else "Ask both again",
            type="primary" if both is None else "secondary",
            icon=":material/compare:",
            key="ask_both",
        )
        waiting = st.container()
    if clicked:
        trouble = trouble_of(PURPOSE, lambda: _ask_both(workspace, model, answer, waiting))
        if trouble is None:
            st.rerun()
        st.text(trouble)
    elif both is not None:
        _beside(workspace, both, workspace.shown_image)


def _ask_both(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, waiting: st.delta_generator.DeltaGenerator
) -> None:
    """Raises ModelUnavailable where the other model does not fit beside this one, and what asking raises."""
    tuned = tuned_spec(workspace)
    assert tuned is not None
    with waiting:
        status = stop_row("stop_both")
    on = workspace.spec == tuned
    other_spec = without_adapter(tuned) if on else tuned
    if not store().fits_beside(other_spec):
        raise ModelUnavailable(
            "The model with its adapter and without do not fit into the memory beside each other. Switch the adapter "
            "in the sidebar, and ask once more."
        )

    def tell(step: str) -> None:
        status.text(f"{step} …")

    other = store().get(other_spec, tell)
    chosen = workspace.target or Target(key_tokens(answer))
    word = "".join(answer.tokens[index].text for index in chosen.tokens)
    mine = _looked(status, model, answer.question, word, on)
    others = _looked(status, other, answer.question, word, not on)
    workspace.results.keep(SIDES, sides_key(answer, tuned), (mine, others) if on else (others, mine))


def _looked(
    status: st.delta_generator.DeltaGenerator, model: VisionLanguageModel, question: Question, word: str, tuned: bool
) -> Side:
    """What a model says, and on what the word of it that reads like `word` rests."""

    def work(cancel: CancelToken, say: Callable[[str], None]) -> Side:
        return side(model, question, word, tuned, cancel)

    return Job(model, PURPOSE, work).watch(status)


def _beside(workspace: Workspace, both: tuple[Side, Side], image: int) -> None:
    """Both answers, and their maps and the difference on one scale."""
    same = both[0].answer.text == both[1].answer.text
    st.markdown(":material/check_circle: **The same answer**" if same else ":material/help: **Another answer**")
    maps = [_shares(side) for side in both]
    known = [values for values in maps if values is not None]
    explained = both[0].explanation or both[1].explanation
    signed = explained is not None and explainers()[explained.method].signed
    scale = scale_of(*known, signed=signed) if known else None
    with st.container(horizontal=True, gap="medium"):
        for side, values in zip(both, maps, strict=True):
            with st.container(width=SIZE + 70, gap="small"):
                st.markdown(f"**{NAMES[side.tuned].capitalize()}**")
                # What is said may be long; all maps stand at one height.
                if values is not None and scale is not None:
                    _figure(side, values, scale, image, f"map of {side.said}, {NAMES[side.tuned]}")
                elif side.why:
                    st.text(side.why)
                st.text(side.answer.text)
                if side.answer.tokens:
                    st.text(f"“{side.said}”, probability {probability(math.exp(side.logprob))}")
                _take_along(workspace, side, values, scale, image)
        if len(known) == len(maps):
            _difference(both, image)
    pins_link(workspace)
    if known and explained is not None:
        st.caption(
            f"{explainers()[explained.method].name}: each map as shares of its own score on the picture, both on one "
            "scale. In the difference, purple patches have more with the adapter, orange ones without. Relevancy has "
            "the same two, under Difference, by any method."
        )


def _take_along(
    workspace: Workspace, side: Side, values: Float[np.ndarray, "position"] | None, scale: Scale | None, image: int
) -> None:
    """Pin a side, save its map, copy the code of it."""
    if not side.answer.tokens:
        return
    images = () if workspace.inspected is None else workspace.inspected.images
    name = NAMES[side.tuned]
    with st.container(horizontal=True, gap="small"):
        pin_button(workspace, side.answer, images, f"pin_side_{side.tuned}", target=side.target, label=name)
        if side.explanation is not None and values is not None and scale is not None:
            named = f"{side.said}, {name}"
            map_downloads(
                side.answer, side.explanation, named, values, scale, OPACITY, True, image, key=f"side_{side.tuned}"
            )
        if side.explanation is not None:
            copy_script(side.answer, Made(EXPLANATION, side.explanation), f"side_{side.tuned}")


def _difference(both: tuple[Side, Side], image: int) -> None:
    one, two = both
    assert one.explanation is not None and two.explanation is not None
    with st.container(width=SIZE + 70, gap="small"):
        st.markdown(f"**{DIFFERENCE}**")
        try:
            change = difference(one.explanation.scores.numpy(), one.layout, two.explanation.scores.numpy(), two.layout)
        except NotComparable as error:
            st.text(str(error))
            return
        scale = scale_of(change, signed=True)
        _figure(one, change, scale, image, "map with the adapter minus map without")
        less = f"{two.said}, {NAMES[two.tuned]}"
        made = subtracted(one.explanation, change, less, one.layout)
        map_downloads(
            one.answer, made, f"{one.said} minus {less}", change, scale, OPACITY, True, image, key="side_less"
        )


def _figure(side: Side, values: Float[np.ndarray, "position"], scale: Scale, image: int, alt: str) -> None:
    chart = heatmap(
        as_seen(side.answer.question), side.layout, values, size=SIZE, scale=scale, only=(image,), label="share"
    )
    st.altair_chart(chart, width="content", alt=alt)


def _shares(side: Side) -> Float[np.ndarray, "position"] | None:
    """The map as shares; None where there is none over the picture."""
    if side.explanation is None or not side.layout.views:
        return None
    return picture_shares(side.explanation.scores.numpy(), side.layout)
