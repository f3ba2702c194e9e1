"""Attention of some positions, head by head."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Target, TokenKind
from ...attention.measures import measured
from ...attention.rows import Rows, nanmean
from ...charts.heads import head_name
from ...charts.tokens import visible
from ...mechanisms.results import HeadValues, PositionValues
from ..base import Renderer
from ..case import Case, named
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import head_in, sentences, took


class Looks(Renderer):
    """How much each head looks at the picture from some positions, and where all heads look."""

    key = "attention_rows"
    name = "Attention"

    def figures(self, case: Case) -> Sequence[Figure]:
        left_out, head = _left_out(case), case.about.get("head")
        rows = Rows(case.result, tuple(range(case.result.shape[2])), left_out)
        layout = case.answer.layout
        whose = _whose(case)
        where = nanmean(rows.looks(None if head is None else head_in(head)), 0)
        who = "all heads look" if head is None else f"head {head_name(head_in(head))} looks"
        mean = "layers, heads and positions" if head is None else "positions"
        apart = f"Without {len(left_out)} positions, the rest made to sum to one." if left_out else ""
        figures = [
            shape_figure(
                case.answer,
                PositionValues(f"Where {who} {whose}", where, "attention", signed=False, testable=False),
                sentences(f"The mean over {mean}.", apart, took(case.seconds)),
            )
        ]
        if layout.positions(TokenKind.IMAGE):
            share = HeadValues(
                f"How much of each head's attention lies on the picture {whose}",
                measured(rows, layout, "image"),
                "share",
                False,
            )
            figures.insert(0, shape_figure(case.answer, share, sentences("The mean over positions.", apart)))
        return figures

    def code(self, case: Case, write: Writer) -> Code:
        positions = case.wanted("positions")
        if not positions or not all(isinstance(one, int) for one in positions):
            raise CannotBeWritten("It is not kept with the result whose attention it is.")
        return Code((f"result = model.attention_rows(answer, {write.literal(list(positions))}).cpu()",))


def _left_out(case: Case) -> tuple[int, ...]:
    """Positions that count as if they could not be looked at."""
    left_out = case.about.get("left_out") or ()
    return tuple(one for one in left_out if isinstance(one, int) and 0 <= one < case.result.shape[3])


def _whose(case: Case) -> str:
    """Whose attention it is: that of the rows that predict tokens of the answer, or of words that were read."""
    answer, positions = case.answer, case.about.get("positions")
    if not positions or not all(isinstance(one, int) for one in positions):
        return "from some positions"
    tokens = tuple(one - len(answer.prompt_tokens) + 1 for one in positions)
    if all(0 <= token < len(answer.tokens) for token in tokens):
        return f"while {named(answer, Target(tokens))} is predicted"
    labels = answer.labels
    words = ", ".join(f"“{visible(labels[one])}”" for one in positions[:4] if 0 <= one < len(labels))
    return f"from {words}{' …' if len(positions) > 4 else ''}"
