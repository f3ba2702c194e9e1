"""Cut and see: the attention of one group of tokens to another is cut, in a window of layers after the other."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...answer import Answer, Target
from ...mechanisms.attention_knockout import ways
from ...mechanisms.knockout import Cut, cut_in
from ...perturb.reask import Reasked, reask_under
from ...runs.kinds import REASKED as REASKED_KIND
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import token_targets_of
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.workspace import Workspace
from ..widgets.scripts import Made, copy_script
from . import answer_difference, curves
from .answer_difference import answer_difference_panel
from .curves import cut_curves
from .view import REASKED, MechanismsView

FIRST = ("image → question", "question → last", "image → last")
MOST_CUTS = 8


def cutting_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """The curves, and what the model says with the cut that was clicked."""
    view, layers = workspace.view(MechanismsView), model.card.layers
    cuts = ways(model, answer, token_targets_of(answer, target))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        names = _choose(cuts)
        window = int(
            st.number_input(
                "Layers cut at once",
                1,
                layers,
                min(3, layers),
                key=f"mechanisms_window_{layers}",
                persist_state="session",
                width=150,
            )
        )
    st.caption(
        "**image → last**: the position that predicts the target may not look at image tokens, and so on. "
        "*question*: its words; *prompt*: template and earlier turns; *answer*: the answer so far. No group looks "
        "ahead."
    )
    if not answer.question.images:
        st.info(
            "This question was asked without a picture; ways between words can still be cut.",
            icon=":material/image_not_supported:",
        )
    if not names:
        st.info("Choose at least one way to cut.", icon=":material/content_cut:")
        return
    known = curves.obtained(view, model, answer, target, {name: cuts[name] for name in names}, window)
    if not known:
        return
    with st.container(horizontal=True, gap="medium", key="mechanisms_cut_body"):
        with st.container(width=curves.WIDTH + 75):
            cut_curves(view, model, answer, target, known, cuts, window)
        with st.container(width=answer_difference.WIDTH):
            _then(view, model, answer, cuts, window)


def _choose(cuts: dict[str, Cut]) -> list[str]:
    return st.multiselect(
        "Ways to cut",
        list(cuts),
        default=[name for name in FIRST if name in cuts] or list(cuts)[:1],
        key=f"mechanisms_cuts_{'_'.join(cuts)}",
        persist_state="session",
        max_selections=MOST_CUTS,
        placeholder="Choose one or several",
        width=560,
    )


def _then(view: MechanismsView, model: VisionLanguageModel, answer: Answer, cuts: dict[str, Cut], window: int) -> None:
    """What the model says with the cut that was clicked."""
    if view.cut is None or view.cut[0] not in cuts or view.cut[1] + window > model.card.layers:
        st.info("Click a point of a curve: the model then answers with that cut.", icon=":material/ads_click:")
        return
    name, first = view.cut
    cut, layers = cuts[name], range(first, first + window)

    def make(cancel: CancelToken, report: Report) -> Reasked:
        return reask_under(model, answer, cut_in(cut, layers), cancel=cancel)

    key = ("with cut", answer_key(answer), cut, first, window)
    reasked = view.obtain(model, REASKED, key, "answering with the cut", "with_cut", make)
    if reasked is not None:
        st.markdown(f"**With {_layers(layers)} of {name} cut**")
        answer_difference_panel(reasked, "cut")
        copy_script(answer, Made(REASKED_KIND, reasked))


def _layers(layers: Sequence[int]) -> str:
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]} to {layers[-1]}"
