"""Token chips: every label its own, and nothing of a model becomes markup."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.answer import Answer, AnswerToken, Question, TokenLayout
from core.charts.tokens import WORD_JOINER
from core.ui.widgets.chips import chip_style, escaped, labels


def answer_of(*texts: str, probability: float = 0.9) -> Answer:
    tokens = tuple(AnswerToken(n, text, math.log(probability), 0.1, ()) for n, text in enumerate(texts))
    return Answer(Question("?"), "m", "".join(texts), tokens, (), TokenLayout((), (), ()), {}, 0.1, "end")


@given(st.lists(st.text(max_size=4), min_size=1, max_size=12))
def test_labels_are_all_different(texts: list[str]) -> None:
    names = labels(answer_of(*texts))
    assert len(set(names)) == len(texts)


def test_repeated_tokens_look_alike() -> None:
    first, second = labels(answer_of(" ball", " ball"))
    assert first != second
    assert second.replace(WORD_JOINER, "") == first


@given(st.text(alphabet="`*_{}[]()#+-.!<>|~:$&@/=abc", min_size=1, max_size=20))
def test_escaping_leaves_no_bare_markup(text: str) -> None:
    bare = escaped(text)
    assert bare.replace("\\", "") == text.replace("\\", "")
    for place, letter in enumerate(bare):
        if letter in "`*_{}[]()#<>|~:$":
            assert bare[place - 1] == "\\"


def test_the_style_holds_no_text_of_the_model() -> None:
    hostile = answer_of(" </style><script>alert(1)</script>", " }body{display:none}")
    style: Any = chip_style(hostile, "chips_1")
    assert "script" not in style and "body" not in style


def test_directions_and_control_characters_are_defused() -> None:
    (label,) = labels(answer_of("‮gnp.exe"))
    assert "‮" not in label
