"""What of another answer a target is compared with."""

from __future__ import annotations

from zlib import crc32

import pytest

from core.answer import Answer, AnswerToken, Question, Target, TokenLayout
from core.comparison.counterpart import counterpart
from core.errors import NotComparable


def answer_of(*texts: str) -> Answer:
    """An answer whose tokens of one text have one id."""
    tokens = tuple(AnswerToken(crc32(text.strip().encode()), text, -0.1, 0.1, ()) for text in texts)
    layout = TokenLayout((), (), ())
    return Answer(Question("?"), "model", "".join(texts), tokens, (), layout, {}, 0.0, "end")


def id_of(text: str) -> int:
    return answer_of(text).tokens[0].id


YES, NO = answer_of("Yes", ",", " it", " is", "."), answer_of("No", ",", " it", " is", " not", ".")


def test_a_token_is_compared_with_a_token_and_not_with_a_longer_word() -> None:
    assert counterpart(YES, Target((0,)), NO, (0, 1)) == Target((0,))
    assert counterpart(YES, Target((1,)), NO, (0, 1)) == Target((1,)), "the comma with the comma"
    assert counterpart(YES, Target((3,)), NO, (4, 5)) == Target((4,))


def test_a_word_is_compared_with_a_word_and_an_answer_with_an_answer() -> None:
    assert counterpart(YES, Target((0, 1)), NO, (0, 1)) == Target((0, 1))
    assert counterpart(YES, Target((0, 1, 2, 3, 4)), NO, (0, 1)) == Target((0, 1, 2, 3, 4, 5))


def test_a_contrast_is_compared_with_the_same_contrast() -> None:
    maybe = id_of("Maybe")
    assert counterpart(YES, Target((0,), (maybe,)), NO, (0, 1)) == Target((0,), (maybe,))
    same = answer_of("Yes", ".")
    assert counterpart(YES, Target((0,), (id_of("No"),)), same, (0, 1)) == Target((0,), (id_of("No"),))


@pytest.mark.parametrize(
    ("target", "other", "word", "why"),
    [
        (Target((0,), (id_of("No"),)), NO, (0, 1), "the very word"),
        (Target((0, 1), (7, 8)), NO, (2,), "has 2 where this word has 1"),
        (Target((0,), (id_of("No"),)), YES, (2,), "no such rival in common"),
    ],
)
def test_a_contrast_that_the_other_answer_does_not_have_is_refused(
    target: Target, other: Answer, word: tuple[int, ...], why: str
) -> None:
    with pytest.raises(NotComparable, match=why):
        counterpart(YES, target, other, word)
