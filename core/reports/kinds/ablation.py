"""Heads taken away, the first of a ranking beside random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...mechanisms import ablation
from ...mechanisms.ablation import AblationCurves, ablation_curves, head_means
from ...mechanisms.head_ablation import HeadAblation
from ...mechanisms.results import Curve, Curves
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import NATS, docs, head_in, sentences, took


class Ablated(Renderer):
    """What is left of a target without the first heads of rankings."""

    key = "ablation"
    name = "Heads taken away"

    def figures(self, case: Case) -> Sequence[Figure]:
        curves: AblationCurves = case.result
        at, before = [float(count) for count in curves.counts], curves.before.logprob
        drawn = [Curve(f"by {name}", at, values - before) for name, values in curves.ranked.items()]
        draws = len(curves.random)
        if draws:
            random = curves.random - before
            ends = random.min(0), random.max(0)
            drawn.append(Curve("random heads, mean", at, random.mean(0), *ends, control=True))
        shape = Curves(
            f"Without the first heads: {case.target_words}",
            drawn,
            "heads taken away",
            interval=f"least and most of {draws} draws",
        )
        instead = "their mean" if curves.mean else "nothing"
        partly = f"It was stopped when {curves.complete:.0%} were done." if curves.complete < 1 else ""
        said = (
            f"The change of the target's log-probability, which is {before:.5f} with all heads, when heads are "
            f"replaced by {instead}."
        )
        caption = sentences(said, HeadAblation.caveat, partly, took(case.seconds))
        settings = {"replaced by": instead, "draws": draws}
        return [shape_figure(case.answer, shape, caption, settings=settings, methods=docs(ablation))]

    def code(self, case: Case, write: Writer) -> Code:
        curves: AblationCurves = case.result
        kept = curves.rankings or case.wanted("rankings")
        if curves.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        if not isinstance(kept, Mapping) or kept.keys() != curves.ranked.keys():
            raise CannotBeWritten("It is not kept with the result how heads were ranked.")
        rankings = {str(name): [head_in(head) for head in heads] for name, heads in kept.items()}
        given = {"draws": repr(len(curves.random))}
        if curves.seed:
            given["seed"] = repr(curves.seed)
        means = [f"means = {write.call(head_means, 'model', '[answer]')}"] if curves.mean else []
        again = write.call(
            ablation_curves,
            *("model", "answer", write.literal(curves.target), "rankings", write.literal(list(curves.counts))),
            *(["means"] if curves.mean else []),
            **given,
        )
        return Code((f"rankings = {write.literal(rankings)}", *means, f"result = {again}"), rounding=NATS)
