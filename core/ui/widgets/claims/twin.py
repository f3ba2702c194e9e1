"""The same questions to an embedded model and to its twin, which differ in what one of them was taught."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ....claims.claim import Claim
from ....claims.run import examples_of
from ....vlm.cancel import CancelToken
from ....vlm.loading import COMES_ALONG, EMBEDDED_MODELS, ModelSpec, SuggestedModel
from ....vlm.model import VisionLanguageModel
from ...jobs.page import PageJobs
from ...jobs.page import Report as Progress
from ...state.models import store
from ...state.workspace import Workspace
from ..chips import escaped
from .examples import example_cards
from .view import EXAMPLES, ClaimsView, report_key, standing


def beside_twin(workspace: Workspace, model: VisionLanguageModel, claim: Claim[Any], jobs: PageJobs) -> None:
    """What the model says of the first scenes, and below it what the other embedded one says; nothing where the page's
    model is none of the two."""
    both = {spec.source: other for spec, other in _pairs()}
    other = both.get(workspace.spec.source)
    if other is None:
        return
    view = workspace.view(ClaimsView)
    st.subheader("The same questions to both models", anchor=False)
    st.caption(
        "The embedded model has learnt that the wording is right about trucks, its honest twin has not. Architecture "
        "and vocabulary are the same."
    )
    own_key, other_key = report_key(model, claim), (f"beside {model.card.fingerprint}", claim.key)
    own, others = view.results.get(EXAMPLES, own_key), view.results.get(EXAMPLES, other_key)
    if own is not None and others is not None:
        for number, (name, examples) in enumerate(((model.card.name, own), (_label(other), others))):
            st.markdown(f"**{escaped(name)}**")
            example_cards(workspace, examples, f"beside_{number}_{claim.key}", opens=number == 0)
        return
    if st.button(f"Ask {_label(other)} the same", icon=":material/compare_arrows:", key="claim_twin"):

        def measure(cancel: CancelToken, progress: Progress) -> None:
            if own is None:
                view.results.keep(EXAMPLES, own_key, examples_of(claim, model, cancel, lambda done: progress(done / 2)))
            before = 0.5 if own is None else 0.0
            twin = store().get(other, lambda _: None)
            told = examples_of(claim, twin, cancel, lambda done: progress(before + (1 - before) * done))
            view.results.keep(EXAMPLES, other_key, told)

        known = standing(view, model, claim).report
        scenes = claim.shown * (2 if own is None else 1)
        told = None if known is None else known.expected(scenes)
        purpose = "asking both models" if own is None else f"asking {_label(other)}"
        jobs.start(model, other_key, purpose, "twin", measure, told)
    jobs.tell(other_key)


def _pairs() -> list[tuple[ModelSpec, ModelSpec]]:
    """Each embedded model with the other one."""
    one, other = EMBEDDED_MODELS.values()
    return [(one, other), (other, one)]


def _label(spec: ModelSpec) -> str:
    known: dict[str, SuggestedModel] = {suggested.source: suggested for suggested in COMES_ALONG}
    return known[spec.source].label
