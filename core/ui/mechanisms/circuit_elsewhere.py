"""Does a circuit hold elsewhere? In other drawn scenes, and in the other embedded model."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from ...answer import Answer
from ...cases.circuit_scenes import Elsewhere, circuit_elsewhere
from ...circuits.circuit import Circuit
from ...circuits.transfer import Transfer, transferred
from ...counted import counted
from ...errors import NotApplicable
from ...street.recipe import CHANGES
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.loading import EMBEDDED_MODELS
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.models import store
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from .corrupting import Chosen
from .view import ELSEWHERE, IN_TWIN, MechanismsView

SCENES = 8
BY_NAME = {str(change): change for change in CHANGES}


def elsewhere_panel(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, circuit: Circuit, chosen: Chosen, key: Hashable
) -> None:
    """A button for each, and what came of it."""
    view = workspace.view(MechanismsView)
    st.markdown("**Does it hold elsewhere?**")
    _scenes(view, model, answer, circuit, chosen, key)
    _twin(workspace, view, model, answer, circuit, key)


def _scenes(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, circuit: Circuit, chosen: Chosen, key: Hashable
) -> None:
    named = chosen.key[1] if isinstance(chosen.key, tuple) and len(chosen.key) > 1 else None
    change = BY_NAME.get(str(named))
    if change is None:
        st.caption("Corrupt a drawn scene by one change, and the circuit can be tested on other scenes.")
        return
    about = ("elsewhere", key)
    found: Elsewhere | None = view.results.get(ELSEWHERE, about)

    def work(cancel: CancelToken, report: Report) -> None:
        made = circuit_elsewhere(model, circuit, answer.question, change, SCENES, cancel=cancel, progress=report)
        view.results.keep(ELSEWHERE, about, made)

    if found is None:
        if st.button(f"Test it on {SCENES} other scenes", icon=":material/landscape:", key="circuit_scenes"):
            view.jobs.start(model, about, "testing the circuit on other scenes", "scenes", work)
        view.jobs.tell(about)
        return
    if not found.faithfulness:
        st.caption("In none of the scenes looked at did the change bear on the word.")
        return
    share, less = found.estimate, counted(found.skipped, "scene")
    st.caption(
        f"On {counted(len(found.faithfulness), 'other scene')} with the same change it carries {share.value:.0%} "
        f"[{share.low:.0%}, {share.high:.0%}] of the effect; {less} left out, where the change does not bear on the "
        "word."
    )


def _twin(
    workspace: Workspace,
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    circuit: Circuit,
    key: Hashable,
) -> None:
    one, other = EMBEDDED_MODELS.values()
    twin = {one.source: other, other.source: one}.get(workspace.spec.source)
    if twin is None:
        return
    about = ("twin", key)
    found: Transfer | None = view.results.get(IN_TWIN, about)

    def work(cancel: CancelToken, report: Report) -> None:
        loaded = store().get(twin, lambda _: None)
        report(0.2)
        own = ask(loaded, answer.question, cancel=cancel)
        cancel.check()
        if len(own.tokens) <= max(circuit.target.tokens):
            raise NotApplicable("The other model's answer is too short to have this word. Choose an earlier word.")
        made = transferred(circuit, loaded, own, circuit.target, circuit.corruption, cancel=cancel)
        view.results.keep(IN_TWIN, about, made)

    if found is None:
        named = "its honest twin" if workspace.spec.source == one.source else "the model with the habit"
        if st.button(f"Test it on {named}", icon=":material/compare_arrows:", key="circuit_twin"):
            view.jobs.start(model, about, "testing the circuit on the other model", "twin", work)
        view.jobs.tell(about)
        return
    effect = found.clean_logprob - found.corrupted_logprob
    st.caption(
        escaped(
            f"In the other embedded model the same edges carry {found.faithfulness:.0%} of an effect of {effect:.2f} "
            "nats. Its weights are other ones, so its heads need not be these."
        )
    )
