"""Does a map change when the model forgets what it learned?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ....answer import Answer
from ....charts.evidence import randomisation_curves
from ....evidence.randomisation import Randomisation, expected, randomise
from ....explainers.registry import explainers
from ....runs.kinds import RANDOMISED as RANDOMISED_KIND
from ....vlm.cancel import CancelToken
from ....vlm.model import VisionLanguageModel
from ...jobs.page import PageJobs, Report
from ..chips import escaped
from ..folded import folded
from ..forecasts import foretold
from ..scripts import Made, copy_script
from .view import RANDOMISED, STAGES, EvidenceView, Mapped, map_key

"""How often the maps are made anew on the way down."""


def randomisation_panel(
    view: EvidenceView, model: VisionLanguageModel, answer: Answer, maps: Sequence[Mapped], jobs: PageJobs
) -> None:
    """A button, and each map's correlation with itself as block after block is shuffled. Maps that are no method's own
    cannot be made anew, and are left out."""
    own = [one for one in maps if one.explanation.method in explainers()]
    if not own:
        return
    missing = [one for one in own if view.results.get(RANDOMISED, map_key(answer, one.explanation)) is None]
    asked = ("forgetting", tuple(map_key(answer, one.explanation) for one in missing))
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        clicked = st.button(
            "Shuffle the weights",
            icon=":material/shuffle:",
            disabled=not missing,
            key="evidence_forget",
            help="The same map of a copy of the model whose weights are shuffled, block after block from the output "
            "down. A map that stays as it is says nothing of what was learned.",
        )
        if len(missing) == len(own):
            st.caption(f"Does it change when the model forgets? {escaped(Randomisation.caveat)}", width="stretch")
    told = expected(model, answer, [one.explanation for one in missing], STAGES)
    if missing:
        foretold(told)
    if clicked:

        def forget(cancel: CancelToken, report: Report) -> None:
            explanations = [one.explanation for one in missing]
            outcomes = randomise(model, answer, explanations, stages=STAGES, cancel=cancel, progress=report)
            for one, outcome in zip(missing, outcomes, strict=True):
                view.results.keep(RANDOMISED, map_key(answer, one.explanation), outcome)

        jobs.start(model, asked, "shuffling weights", "forget", forget, told)
    jobs.tell(asked)
    _drawn(view, answer, own)


def _drawn(view: EvidenceView, answer: Answer, own: Sequence[Mapped]) -> None:
    randomised = {
        one.name: outcome for one in own if (outcome := view.results.get(RANDOMISED, map_key(answer, one.explanation)))
    }
    if not randomised:
        return
    longest = max(randomised.values(), key=lambda outcome: len(outcome.stages))
    blocks = [stage.block for stage in longest.stages]
    correlations = {name: [stage.correlation for stage in outcome.stages] for name, outcome in randomised.items()}
    whole = {name: values for name, values in correlations.items() if len(values) == len(blocks)}
    st.altair_chart(
        randomisation_curves(blocks, whole), width="content", alt="rank correlation of each map with itself, forgetting"
    )
    seconds = sum(outcome.seconds for outcome in randomised.values())
    stopped = "" if longest.complete == 1 else f" Stopped when {longest.complete:.0%} of the weights were shuffled."
    folded(
        f"Near 0: the map depends on what was learned.{stopped}", f"{escaped(Randomisation.caveat)} {seconds:.1f} s."
    )
    for one in own:
        if one.name in randomised and len(own) == 1:
            about = {"target": one.explanation.target, "map_settings": one.explanation.settings, "stages": STAGES}
            copy_script(answer, Made(RANDOMISED_KIND, randomised[one.name], about))
