"""Patches of a causal graph masked, and the question asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...causal import reasking as module
from ...causal.reasking import ReaskedWithout, ask_without
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences
from .reasked import Again


class Without(Renderer):
    """The new answer, and the token's change beside that of tokens hidden from the reader."""

    key = "reasked_without"
    name = "Patches of a graph masked"

    def figures(self, case: Case) -> Sequence[Figure]:
        without: ReaskedWithout = case.result
        again = Again().figures(replace(case, result=without.reasked, seconds=without.reasked.seconds))
        token = _token(case)
        masked = float(without.reasked.outcome.changes[token])
        rows: list[Row] = [
            {"taken away": f"the pixels, filled with {without.fill}", "change (nats)": masked},
            {"taken away": "the image tokens, hidden from the reader", "change (nats)": without.hidden_change},
        ]
        count = len(without.positions)
        said = sentences(
            f"The change of the log-probability of token {token + 1} of the answer without {count} "
            f"patch{'es' * (count != 1)} of its graph: two ways to take the same away."
        )
        numbers = {"changes": np.array([masked, without.hidden_change]), "positions": np.array(without.positions)}
        title = f"{count} patch{'es' * (count != 1)} of the graph masked"
        return [Figure(title, said, numbers, rows=rows, shown=rows, methods=docs(module)), *again]

    def code(self, case: Case, write: Writer) -> Code:
        without: ReaskedWithout = case.result
        given = (repr(_token(case)), write.literal(tuple(without.positions)), write.literal(without.fill))
        return Code((f"result = {write.call(ask_without, 'model', 'answer', *given)}",), rounding=NATS)


def _token(case: Case) -> int:
    token = case.wanted("token")
    if not isinstance(token, int) or not 0 <= token < len(case.result.reasked.original.tokens):
        raise CannotBeWritten("It is not kept with the result for which token it was computed.")
    return token
