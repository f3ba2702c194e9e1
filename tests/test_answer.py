"""What layouts and answers say of themselves."""

from __future__ import annotations

import pytest

from core.answer import TokenKind, TokenLayout

S, T, P, A = TokenKind.SPECIAL, TokenKind.TEXT, TokenKind.IMAGE, TokenKind.ANSWER


@pytest.mark.parametrize(
    ("kinds", "question"),
    [
        ((S, T, T, S, T, S, T, T, T, S, A), (6, 7, 8)),
        ((T, T, S), (0, 1)),
        ((S, T), (1,)),
        ((S, P), ()),
    ],
)
def test_earlier_turns_are_not_the_question(kinds: tuple[TokenKind, ...], question: tuple[int, ...]) -> None:
    assert TokenLayout(kinds, (), ()).question() == question
