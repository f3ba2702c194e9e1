"""How much each head raises a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...mechanisms import logprob_increase
from ...mechanisms.contributions import contributions
from ...mechanisms.logprob_increase import head_increases
from ...mechanisms.results import HeadValues
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, token_target_lines, took


class Increases(Renderer):
    """Each head's log-probability increase."""

    key = "head_increases"
    name = "Heads that write the word"

    def figures(self, case: Case) -> Sequence[Figure]:
        shape = HeadValues(f"Log-probability increase of {case.target_words}", np.asarray(case.result))
        said = sentences("The mean over the target's tokens.", took(case.seconds))
        return [shape_figure(case.answer, shape, said, methods=docs(logprob_increase))]

    def code(self, case: Case, write: Writer) -> Code:
        return Code(
            (
                *token_target_lines(case, write),
                f"written = {write.call(contributions, 'model', 'answer', 'token_targets')}",
                f"result = {write.call(head_increases, 'model', 'written')}.mean(0).numpy()",
            )
        )
