"""A question as a model reads it, before and while it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..answer import AttentionRows, Question, TokenLayout


@dataclass(frozen=True, eq=False)
class PreparedPrompt:
    """A question in the tokens of one model, which alone can read it.

    `inputs` are the exact model inputs (batch of one); `ids` are the prompt's tokens and `prompt_tokens` their texts,
    which joined give the prompt. Positions before `shared` do not depend on the question's own words, so that what is
    computed there may be used again for another phrasing; `visual` is the fingerprint of the images under their mask.
    """

    question: Question
    inputs: Mapping[str, Tensor]
    layout: TokenLayout
    prompt_tokens: tuple[str, ...]
    ids: tuple[int, ...]
    shared: int
    visual: str


class DecodingState(ABC):
    """A sequence that is being read, prompt first and then token by token, in whatever form the model keeps it."""

    @abstractmethod
    def recorded_rows(self, answer: int, length: int) -> AttentionRows | None:
        """The softmax rows that predicted the first `answer` tokens, padded with zeros to `length` keys.

        None where there are none: reading began without `keep_attention`, `answer` is 0, or the network's attention
        cannot be seen.
        """
