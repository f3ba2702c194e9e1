"""What several signals read of an answer, computed once: attention rows, states, and what a blank picture leaves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, TokenKind
from ..errors import NotApplicable
from ..evidence.curves import blank
from ..masking import Canvas, as_seen
from ..vlm.cancel import CancelToken
from ..vlm.checkpoints import DecoderPass
from ..vlm.model import VisionLanguageModel

Logprobs = Float[Tensor, "token vocabulary"]


class Look:
    """Some tokens of an answer, and what is read of them when a signal first asks for it.

    `tokens` are indices into the answer. Everything is at the position that *predicts* a token, one before its own: the
    last token of an answer is said and never read. `passes` that were made stay until the look is let go of.
    """

    def __init__(
        self, model: VisionLanguageModel, answer: Answer, tokens: Sequence[int], cancel: CancelToken | None = None
    ) -> None:
        self.model, self.answer, self.tokens, self.cancel = model, answer, tuple(tokens), cancel

    def check(self) -> None:
        """Raises Cancelled where the work was stopped."""
        if self.cancel is not None:
            self.cancel.check()

    @property
    def positions(self) -> list[int]:
        """The positions that predict the tokens."""
        return [self.answer.predicting_position(token) for token in self.tokens]

    @property
    def images(self) -> list[int]:
        """The positions of image tokens."""
        return list(self.answer.layout.positions(TokenKind.IMAGE))

    @cached_property
    def heads_mean(self) -> Float[np.ndarray, "layer token position"]:
        """Attention at the predicting positions, the mean over heads, in float64; NaN in layers that show none. Rows
        that were recorded while the answer was written need no pass. Raises NotApplicable where no attention can be
        seen."""
        self.check()
        held = None if self.answer.attention is None else self.answer.attention.of(self.tokens)
        rows = self.model.attention_rows(self.answer, self.positions) if held is None else held
        mean: Float[np.ndarray, "layer token position"] = rows.detach().float().mean(1).cpu().double().numpy()
        return mean

    def attending(self, layers: Sequence[int]) -> list[int]:
        """Those of some layers whose attention is there. Raises NotApplicable where none is."""
        there = [layer for layer in layers if not np.isnan(self.heads_mean[layer, :, 0]).any()]
        if not there:
            raise NotApplicable(
                "None of the middle layers shows its attention, so nothing can be said of where they look. Choose a "
                "signal that needs no attention."
            )
        return there

    @cached_property
    def checkpoints(self) -> DecoderPass:
        """One pass over the whole answer with the states between its layers."""
        self.check()
        return self.model.checkpointed(self.answer)

    def states(self, layer: int) -> Float[Tensor, "row hidden"]:
        """The states that enter a layer, by position; the number of layers stands for what the last one left."""
        if layer == self.checkpoints.layers:
            return self.checkpoints.final
        states = self.checkpoints.inputs[layer]
        assert states is not None
        return states

    @cached_property
    def seeing(self) -> Logprobs:
        """The distribution that each token was drawn from (nats), with the picture."""
        self.check()
        with torch.no_grad():
            return self._of_tokens(self.model.replay_logits(self.answer))

    @cached_property
    def blind(self) -> Logprobs:
        """The same with black pictures in the place of the question's, the words before each token forced."""
        self.check()
        canvas, layout = Canvas(as_seen(self.answer.question)), self.answer.layout
        with torch.no_grad():
            (logits,) = self.model.logits_of_images(self.answer, [partial(blank("black").painted, canvas, layout)])
        return self._of_tokens(logits[0])

    def _of_tokens(self, logits: Float[Tensor, "answer vocabulary"]) -> Logprobs:
        return logits[list(self.tokens)].double().log_softmax(-1).cpu()


def middle(layers: int, first: float, end: float) -> range:
    """The layers of a decoder that has so many, from one share of its depth to before another; at least one."""
    start = min(round(first * layers), layers - 1)
    return range(start, max(start + 1, round(end * layers)))
