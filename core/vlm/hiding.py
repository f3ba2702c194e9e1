"""Hiding positions from the reader: what the answer would be if nobody behind the pictures could look at them.

An attention knockout at all layers (Geva et al. 2023, section 3; see `edits.py`), and no deletion: what the hidden
tokens gave to other image tokens stays there.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..answer import Answer, TokenKind
from .edits import Knockout


def first_after_images(answer: Answer) -> int:
    """The first position behind the last image token; 0 for a question without pictures."""
    return max(answer.layout.positions(TokenKind.IMAGE), default=-1) + 1


def knockout_after_images(answer: Answer, positions: Sequence[int]) -> Knockout:
    """No position behind the last image token sees these. Raises ValueError for one outside the prompt."""
    prompt = len(answer.prompt_tokens)
    if not all(0 <= position < prompt for position in positions):
        raise ValueError(f"only positions of the prompt (0 to {prompt - 1}) can be hidden")
    return Knockout(tuple(range(first_after_images(answer), len(answer.layout))), tuple(positions))
