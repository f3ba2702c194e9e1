"""How the token's logit would change with each embedding, times the embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..answer import Answer
from ..vlm.model import VisionLanguageModel
from ..vlm.units import Unit
from ._descent import descend, descent_bytes, full_length
from .base import Explainer, Step


class InputGradient(Explainer):
    """Input x gradient, Shrikumar et al. 2016, "Not just a black box": the gradient of the token's raw logit with
    respect to what the decoder reads at each position, times that, summed over its features.

    It is the first-order guess at what setting the position's embedding to zero would take away.
    """

    key = "input_gradient"
    name = "Input x gradient"
    caveat = "A tangent: it sees what a small change would do, not what the absence of the patch or word would."
    signed = True

    def estimate(self, model: VisionLanguageModel, answer: Answer, units: Sequence[Unit], settings: Any) -> int:
        return descent_bytes(model, answer, units)

    def scores(
        self, model: VisionLanguageModel, answer: Answer, units: Sequence[Unit], settings: Any
    ) -> Iterator[Step]:
        tape = model.tape(answer)
        yield Step(0.0)
        for layer, gradients in descend(model, answer, tape, units):
            if layer:
                tape.forget(layer)
                yield Step(1 - layer / tape.layers)
                continue
            embeddings = tape.inputs[0]
            assert embeddings is not None
            yield Step(1.0, full_length((gradients * embeddings.float()).sum(-1), answer))
