"""Is a ranking of heads true? Its first heads are taken away, beside as many random ones."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Head, Target
from ...charts.curves import ranking_curve
from ...counted import counted
from ...mechanisms.ablation import AblationCurves, ablation_curves, head_means
from ...mechanisms.costs import ablation_passes
from ...mechanisms.head_ablation import MEAN, NOTHING, counts_of
from ...runs.kinds import ABLATION
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.target import describe_target, measure_of
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.scripts import Made
from .saving import Row, save
from .view import RANKED, MechanismsView
from .written import Measure

WIDTH, DRAWS = 450, 5


def ranked_ablation_panel(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    measure: Measure,
    ordered: list[Head],
    mean: bool,
) -> None:
    """A button for it, and the curve."""
    st.markdown("**Is the ranking true?**")
    counts = counts_of(len(ordered))
    key = ("ranking", answer_key(answer), target, measure, mean)

    def work(cancel: CancelToken, report: Report) -> None:
        means = head_means(model, [answer]) if mean else None
        rankings: dict[str, list[Head]] = {measure: ordered}
        curves = ablation_curves(
            model, answer, target, rankings, counts, means, draws=DRAWS, cancel=cancel, progress=report
        )
        view.results.keep(RANKED, key, curves)

    curves = view.results.get(RANKED, key)
    if curves is None or curves.complete < 1:
        clicked = st.button("Compare with random heads", icon=":material/shuffle:", key="mechanisms_random")
        told = foreseen(lambda: forecast(model, answer, ablation_passes(model, answer, 1 + DRAWS, counts, mean)))
        foretold(told)
        if clicked:
            view.jobs.start(model, key, "taking heads away", "ranking", work, told)
        view.jobs.tell(key)
    if curves is None:
        st.caption(
            f"Takes the first {', '.join(map(str, counts))} heads by {measure.lower()} away, and as many of {DRAWS} "
            "random orders."
        )
        return
    made = Made(ABLATION, curves, {"target": target, "rankings": {measure: tuple(ordered)}})
    _drawn(model, answer, target, measure, curves, made)


def _drawn(
    model: VisionLanguageModel, answer: Answer, target: Target, measure: Measure, curves: AblationCurves, made: Made
) -> None:
    instead = MEAN if curves.mean else NOTHING
    ranked, random = curves.ranked[measure] - curves.before.logprob, curves.random - curves.before.logprob
    random = random[np.isfinite(random).all(1)]
    if not np.isfinite(ranked).all() or not len(random):
        st.caption("This was stopped before there was a random order to compare with.")
        return
    st.altair_chart(
        ranking_curve(curves.counts, ranked, random, name=f"by {measure.lower()}", width=WIDTH),
        width="content",
        key="mechanisms_ranking",
        alt="change in log-probability without the first heads of the ranking and without random ones",
    )
    folded(
        "The ranking is true as far as the blue line falls faster than the grey one.",
        f"Blue: by how many nats {escaped(measure_of(answer, target, model))} changes without the first k heads by "
        f"{measure.lower()}, replaced by {instead}. Grey: the same without k random heads, mean and range of "
        f"{counted(len(random), 'draw')}.",
    )
    settings: Row = {
        "method": "head ablation",
        "ranking": measure,
        "target": describe_target(answer, target, model),
        "replaced_by": instead,
    }
    rows = partial(_rows, curves.counts, ranked, random)
    save(answer, settings, rows, "ablation-curve", "mechanisms_save_ranking", made=made)


def _rows(
    counts: tuple[int, ...], ranked: Float[np.ndarray, "count"], random: Float[np.ndarray, "draw count"]
) -> list[Row]:
    return [
        {
            "heads": count,
            "change": float(ranked[i]),
            **{f"random_{draw + 1}": float(row[i]) for draw, row in enumerate(random)},
        }
        for i, count in enumerate(counts)
    ]
