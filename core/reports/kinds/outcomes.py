"""What became of a target under each of several changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...mechanisms.results import Row
from ...perturb import outcomes as module
from ...perturb.outcomes import outcomes
from ...perturb.prediction import Outcome
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences, took

LISTED = 60


class Outcomes(Renderer):
    """The change of the target's log-probability under each change."""

    key = "outcomes"
    name = "What became of the target"

    def figures(self, case: Case) -> Sequence[Figure]:
        some: tuple[Outcome, ...] = case.result
        rows: list[Row] = [
            {
                "taken away": outcome.perturbation.words,
                "change (nats)": outcome.change,
                "probability before": outcome.before.probability,
                "probability after": outcome.after.probability,
                "token changed": "yes" if outcome.flipped else "no",
            }
            for outcome in some
        ]
        numbers = {
            "changes": np.array([outcome.change for outcome in some], dtype=float),
            "after": np.array([outcome.after.logprob for outcome in some], dtype=float),
        }
        more = f"Of {len(rows)}, {LISTED} are listed; the files have all." if len(rows) > LISTED else ""
        title = f"What taking away does to {case.target_words}"
        caption = sentences("In nats, summed over the target's tokens.", more, took(case.seconds))
        return [Figure(title, caption, numbers, rows=rows, shown=rows[:LISTED], methods=docs(module))]

    def code(self, case: Case, write: Writer) -> Code:
        some: tuple[Outcome, ...] = case.result
        if not some:
            raise CannotBeWritten("Nothing was taken away.")
        perturbations = write.literal([outcome.perturbation for outcome in some])
        token_targets = write.literal(some[0].before.token_targets)
        again = write.call(outcomes, "model", "answer", "token_targets", "perturbations")
        return Code(
            (f"token_targets = {token_targets}", f"perturbations = {perturbations}", f"result = tuple({again})"),
            rounding=NATS,
        )
