"""In which layers relevancy enters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...answer import TokenKind
from ...explainers.registry import explainers
from ...explainers.relevancy import relevancy_by_layer
from ...mechanisms.results import Curve, Curves
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, token_target_lines, took


class ByLayer(Renderer):
    """What each layer's attention brings to picture and words."""

    key = "relevancy_trace"
    name = "Relevancy by layer"

    def figures(self, case: Case) -> Sequence[Figure]:
        brought = np.asarray(case.result, dtype=float)
        kinds = case.answer.layout.kinds[: brought.shape[1]]
        parts = {"picture": TokenKind.IMAGE, "question": TokenKind.TEXT, "answer": TokenKind.ANSWER}
        at = [float(layer) for layer in range(len(brought))]
        curves = tuple(
            Curve(name, at, brought[:, [index for index, one in enumerate(kinds) if one is kind]].sum(1))
            for name, kind in parts.items()
        )
        shape = Curves(f"Where the relevancy of {case.target_words} enters", curves, "layer", "relevancy brought")
        said = sentences("Summed over the positions of each part; layer 0 is the lowest.", took(case.seconds))
        figure = shape_figure(case.answer, shape, said, methods=docs(type(explainers()["relevancy"])))
        return [replace(figure, numbers={**figure.numbers, "brought": brought})]

    def code(self, case: Case, write: Writer) -> Code:
        lines = token_target_lines(case, write)
        again = write.call(relevancy_by_layer, "model", "answer", "token_targets")
        return Code((*lines, f"result = {again}.mean(0).numpy()"))
