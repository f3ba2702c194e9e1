"""Take heads away: chosen ones, or the first of a ranking, and see what the answer becomes."""

from __future__ import annotations

from functools import partial
from typing import get_args

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Head, Target
from ...charts.heads import head_map, head_name, layers_without
from ...counted import counted
from ...mechanisms.ablation import head_means, without_heads
from ...mechanisms.head_ablation import MEAN, NOTHING, HeadAblation
from ...perturb.reask import Reasked, reask_under
from ...runs.kinds import REASKED as REASKED_KIND
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.workspace import Workspace
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.clicks import Entry, clickable
from ..widgets.folded import folded
from ..widgets.layers import greyed
from ..widgets.scripts import Made
from . import answer_difference
from .answer_difference import answer_difference_panel
from .ranked import ranked_ablation_panel
from .saving import Row, save
from .view import REASKED, MechanismsView
from .written import SAYS, Measure, figures, ranking

MAP, WIDTH = 280, 420
MOST_RANKED, MOST_NAMED = 64, 12


def ablation_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """The map to choose heads on, the answer without them, and the curve of the whole ranking."""
    view = workspace.view(MechanismsView)
    view.within(model.card.attention_layers, model.card.heads)
    controls = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    with controls:
        measure, mean = _how(answer)
    scores = figures(view, model, answer, target, measure)
    if scores is None:
        return
    ordered = ranking(scores)
    with controls:
        _take(view, ordered)
    with st.container(horizontal=True, gap="medium", key="mechanisms_ablate_body"):
        with st.container(width=WIDTH):
            _choose(view, scores, measure)
        with st.container(width=answer_difference.WIDTH + 20):
            _without(view, model, answer, mean)
    ranked_ablation_panel(view, model, answer, target, measure, ordered, mean)


def _how(answer: Answer) -> tuple[Measure, bool]:
    """What ranks the heads, and what stands in their place."""
    measures = list(get_args(Measure))
    if answer.attention is None or not answer.question.images:
        measures.remove("Attention to the picture")
    measure = st.selectbox(
        "Heads by", measures, key=f"mechanisms_rank_{len(measures)}", persist_state="session", width=240
    )
    instead = st.segmented_control(
        "Replaced by",
        (NOTHING, MEAN),
        default=NOTHING,
        required=True,
        key="mechanisms_instead",
        persist_state="session",
        help="Nothing: the head's output is zero. Its mean over the positions of this question and answer keeps what "
        "it always writes, and removes what it writes here.",
        wrap=True,
    )
    return measure, instead == MEAN


def _take(view: MechanismsView, ordered: list[Head]) -> None:
    most = min(MOST_RANKED, len(ordered))
    number = st.number_input(
        "k", 1, most, min(3, most), key=f"mechanisms_first_{most}", persist_state="session", width=110
    )
    st.button(
        f"Choose the first {int(number)}", on_click=view.ablate, args=(ordered[: int(number)],), key="ablate_first"
    )
    st.button("Clear selection", on_click=view.ablate, args=((),), disabled=not view.ablated, key="ablate_none")


def _choose(view: MechanismsView, scores: Float[np.ndarray, "layers heads"], measure: Measure) -> None:
    def clicked(entry: Entry) -> None:
        view.toggle((int(entry["layer"]), int(entry["head"])))

    share = measure == "Attention to the picture"
    without = layers_without(scores)
    chart = head_map(
        scores,
        name=measure.lower(),
        share=share,
        signed=not share,
        marked=view.ablated,
        without=without,
        click="cell",
        size=MAP,
    )
    clickable(
        chart, "cell", "mechanisms_ablate", clicked, f"{measure.lower()} of every head; click heads to choose them"
    )
    heads = [(layer, head) for layer, row in enumerate(scores) for head in range(len(row)) if layer not in without]
    one_by_keyboard("Head", heads, None, view.toggle, "ablate_keys", head_name)
    folded(
        "Click heads to choose them (outlined), or choose the first k.", f"{measure}: {SAYS[measure]}{greyed(without)}"
    )


def _without(view: MechanismsView, model: VisionLanguageModel, answer: Answer, mean: bool) -> None:
    """The answer without the chosen heads."""
    heads = view.ablated
    if not heads:
        st.info("Choose heads on the map to see the answer without them here.", icon=":material/ads_click:")
        return
    named = ", ".join(map(head_name, heads[:MOST_NAMED])) + (" …" if len(heads) > MOST_NAMED else "")
    key = ("without", answer_key(answer), heads, mean)
    instead = MEAN if mean else NOTHING

    def make(cancel: CancelToken, report: Report) -> Reasked:
        means = head_means(model, [answer]) if mean else None
        report(0.2)
        return reask_under(model, answer, without_heads(heads, means), cancel=cancel)

    st.markdown(f"**Without {named}** ({counted(len(heads), 'head')}, replaced by {instead})")
    reasked = view.obtain(model, REASKED, key, "answering without these heads", "without", make)
    if reasked is not None:
        answer_difference_panel(reasked, "ablated")
        st.caption(HeadAblation.caveat)
        settings: Row = {"heads": [list(head) for head in heads], "replaced_by": instead, "says": reasked.answer.text}
        made = Made(REASKED_KIND, reasked)
        save(answer, settings, partial(_tokens, reasked), "without-heads", "mechanisms_save_without", made=made)


def _tokens(reasked: Reasked) -> list[Row]:
    before, after = reasked.outcome.before.logprobs.tolist(), reasked.outcome.after.logprobs.tolist()
    return [
        {"token": token.text, "logprob_before": one, "logprob_after": other}
        for token, one, other in zip(reasked.original.tokens, before, after, strict=True)
    ]
