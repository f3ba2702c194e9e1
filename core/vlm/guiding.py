"""Choosing an answer's tokens by more than its own logits: other questions are read along with it.

Contrastive decoding reads the same words after another picture, or after none, and chooses by what the two
distributions say together. Here stands what all such ways share: the sequences that are read beside, each with a state
of its own, and one function that makes of all logits those that the next token is chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ..answer import Question
from .model import VisionLanguageModel
from .prepared import DecodingState

Logits = Float[Tensor, "vocabulary"]


@dataclass(frozen=True, eq=False)
class Guide:
    """`beside` are the questions read along: each goes on with the tokens that the answer itself gets. `combine`
    is given the number of the token that is chosen (from 0), the answer's own raw logits and those of each question
    beside, and returns the logits to choose by."""

    beside: tuple[Question, ...]
    combine: Callable[[int, Logits, Sequence[Logits]], Logits]


class ReadBeside:
    """The sequences of a guide while one answer is written."""

    def __init__(self, model: VisionLanguageModel, guide: Guide) -> None:
        """Raises what `model.prepare` raises for the questions beside."""
        self._model, self._combine = model, guide.combine
        self._prepared = [model.prepare(question) for question in guide.beside]
        self._states: list[DecodingState] = []
        self._token = 0

    def begin(self, own: Logits) -> Logits:
        """What the first token is chosen by."""
        begun = [self._model.begin(prepared) for prepared in self._prepared]
        self._states = [state for _, state in begun]
        return self._combine(0, own, [logits for logits, _ in begun])

    def step(self, token: int, own: Logits) -> Logits:
        """What the token after this one is chosen by."""
        self._token += 1
        return self._combine(self._token, own, [self._model.step(token, state) for state in self._states])
