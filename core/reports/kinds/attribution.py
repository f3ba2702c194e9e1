"""Shares of parts of the network in a word's logit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...mechanisms import attribution
from ...mechanisms.attribution import Attribution, attribute
from ...mechanisms.contributions import contributions
from ...mechanisms.results import Curve, Curves, HeadValues
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, token_target_lines, took


class Attributed(Renderer):
    """The share of each head and each MLP in a logit."""

    key = "attribution"
    name = "Direct logit attribution"

    def figures(self, case: Case) -> Sequence[Figure]:
        shares: Attribution = case.result
        heads, mlps = shares.heads.mean(0).numpy(), shares.mlps.mean(0).numpy()
        logit, embedding, other = (float(one.mean()) for one in (shares.logit, shares.embedding, shares.other))
        said = f"The logit is {logit:.4f}; the embedding's share is {embedding:+.4f}, that of biases {other:+.4f}."
        caption = sentences(said, "The mean over the target's tokens.", took(case.seconds))
        at = [float(layer) for layer in range(len(mlps))]
        curves = (Curve("heads", at, np.nansum(heads, axis=1)), Curve("MLP", at, mlps))
        papers = docs(attribution)
        return [
            shape_figure(case.answer, shape, caption, methods=papers)
            for shape in (
                HeadValues(f"Share of each head in the logit of {case.target_words}", heads, "logit"),
                Curves(f"Share of each layer in the logit of {case.target_words}", curves, "layer", "logit"),
            )
        ]

    def code(self, case: Case, write: Writer) -> Code:
        return Code(
            (
                *token_target_lines(case, write),
                f"written = {write.call(contributions, 'model', 'answer', 'token_targets')}",
                f"result = {write.call(attribute, 'model', 'written')}",
            )
        )
