"""What heads take from every position."""

from __future__ import annotations

from collections.abc import Sequence

from ...charts.heads import head_name
from ...mechanisms import logprob_increase
from ...mechanisms.contributions import contributions
from ...mechanisms.logprob_increase import source_increases
from ...mechanisms.results import PositionValues
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, head_in, sentences, token_target_lines, took


class Taken(Renderer):
    """The log-probability increase by what heads take from each position alone."""

    key = "source_increases"
    name = "What a head takes from where"

    def figures(self, case: Case) -> Sequence[Figure]:
        values = case.result.float().cpu().numpy()
        head, heads = case.about.get("head"), case.about.get("heads") or ()
        whose = f"head {head_name((head[0], head[1]))}" if head else f"{len(heads) or 'some'} heads"
        shape = PositionValues(f"What {whose} takes from each position for {case.target_words}", values)
        said = sentences("Increases of positions do not sum to that of their head.", took(case.seconds))
        return [shape_figure(case.answer, shape, said, methods=docs(logprob_increase))]

    def code(self, case: Case, write: Writer) -> Code:
        some = case.about.get("heads")
        heads = tuple(map(head_in, some)) if some else (head_in(case.wanted("head")),)
        taken = write.call(source_increases, "model", "written", write.literal(list(heads)))
        return Code(
            (
                *token_target_lines(case, write),
                f"written = {write.call(contributions, 'model', 'answer', 'token_targets')}",
                f"result = {taken}.mean(0).sum(0)",
            )
        )
