"""Which word each value of a label asks for, so that a push along its direction has a right outcome."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Answer
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import TokenTarget, rival_ids
from ..knowing.labels import ANSWER, Labelled

OTHER = {"yes": "no", "no": "yes"}
Words = tuple[str, str]
"""The first word of the right answer, were the label the first of its two values, and were it the second."""


def words_of(one: Labelled, values: Sequence[str], label: str) -> Words | None:
    """What a case asks for; None where that cannot be told."""
    return words_for(one.case.expected[0] if one.case.expected else "", one.label, values, label)


def words_for(expected: str, own: str, values: Sequence[str], label: str) -> Words | None:
    """What is asked for where the right answer is `expected` and the label has the value `own`. A question of yes or no
    has the opposite for the other value."""
    said = expected.split(",")[0].strip().casefold()
    if said in OTHER:
        return (said, OTHER[said]) if own == values[0] else (OTHER[said], said)
    return (values[0], values[1]) if label == ANSWER else None


def target_of(model: VisionLanguageModel, answer: Answer, words: tuple[str, str]) -> TokenTarget | None:
    """The second value's word against the first's, in the place of the answer's first token; None where both begin with
    the same token."""
    capital = answer.tokens[0].text.strip()[:1].isupper()
    first, second = (rival_ids(model, answer, 0, word.capitalize() if capital else word) for word in words)
    if not first or not second or first[0] == second[0]:
        return None
    return TokenTarget(0, second[0], first[0])
