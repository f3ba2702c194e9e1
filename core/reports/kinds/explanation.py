"""Maps of what a target rests on."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Explanation
from ...cases.known_cause.summary import caveat_of
from ...charts.tokens import visible
from ...explainers.registry import explainers
from ...maps.grid import grid_note
from ...mechanisms.results import PositionValues
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, plain_settings, sentences, setting_arguments, took


class Maps(Renderer):
    """A score for every position, over the picture."""

    key = "explanation"
    name = "Map"

    def figures(self, case: Case) -> Sequence[Figure]:
        explanation: Explanation = case.result
        method = explainers().get(explanation.method)
        about = explanation.about(case.answer)
        title = method.name if method else visible(explanation.method)
        shape = PositionValues(
            f"{title}: what {case.target_words} rests on",
            explanation.scores.numpy(),
            "score",
            bool(method and method.signed),
        )
        partly = f"It was stopped when {explanation.complete:.0%} were done." if explanation.complete < 1 else ""
        caption = sentences(
            caveat_of(method) if method else None,
            explanation.remark,
            grid_note(about.layout),
            partly,
            took(explanation.seconds),
        )
        settings = {"method": explanation.method, **plain_settings(explanation.settings)}
        return [shape_figure(about, shape, caption, settings=settings, methods=docs(type(method)) if method else ())]

    def code(self, case: Case, write: Writer) -> Code:
        explanation: Explanation = case.result
        if explanation.method not in explainers():
            raise CannotBeWritten("Its method is not one of this version.")
        if explanation.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        target = write.literal(explanation.target)
        settings = setting_arguments(write, explanation.settings)
        return Code((f"result = {explained(write, explanation.method, target, settings)}",))


def explained(write: Writer, method: str, target: str, settings: dict[str, str]) -> str:
    """The call that explains."""
    given = "".join(f", {name}={value}" for name, value in settings.items())
    return f"sightline.explain(model, answer, {write.literal(method)}, {target}{given})"
