"""How the token's logit would change with each embedding, times the embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..answer import Answer
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._backward import backward, backward_bytes, full_length
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

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return backward_bytes(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return Passes(forward=2, backward=len(token_targets))

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        yield Step(0.0)
        for layer, gradients in backward(model, answer, checkpoints, token_targets):
            if layer:
                checkpoints.free(layer)
                yield Step(1 - layer / checkpoints.layers)
                continue
            embeddings = checkpoints.inputs[0]
            assert embeddings is not None
            yield Step(1.0, full_length((gradients * embeddings.float()).sum(-1), answer))
