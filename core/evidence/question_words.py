"""The words of a question, and the question without some of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..answer import Answer, Question
from ..errors import NotApplicable
from ..words import grouped

ErasedWords = Literal["removed", "replaced"]
NEUTRAL = "..."
"""What stands for a word that is replaced; and for the whole question where every word is removed, for models take no
empty one."""


@dataclass(frozen=True)
class QuestionWord:
    """One word with what clings to it ("house?"): its text, the blank before it included, and its positions."""

    text: str
    positions: tuple[int, ...]


def question_words(answer: Answer) -> tuple[QuestionWord, ...]:
    """The words of the question that was asked last. Raises NotApplicable where it cannot be put together again from
    its tokens."""
    positions = answer.layout.question()
    texts = [answer.prompt_tokens[position] for position in positions]
    question = answer.question
    if (question.images_at and not question.history) or "".join(texts).strip() != question.text.strip():
        raise NotApplicable(
            "The words of this question cannot be erased one by one: its tokens do not spell it as it was typed, or a "
            "picture stands among its words. Ask it with the pictures before the text."
        )
    words = [
        QuestionWord("".join(texts[i] for i in group), tuple(positions[i] for i in group)) for group in grouped(texts)
    ]
    return tuple(word for word in words if word.text.strip())


def erased(question: Question, words: Sequence[QuestionWord], gone: Collection[int], way: ErasedWords) -> Question:
    """The question without some of its words, by their numbers: left out (`removed`), or `NEUTRAL` in the place of each
    (`replaced`)."""
    if not gone:
        return question
    if way == "replaced":
        texts = [_neutral(word) if number in gone else word.text for number, word in enumerate(words)]
    else:
        texts = [word.text for number, word in enumerate(words) if number not in gone]
    return replace(question, text="".join(texts).strip() or NEUTRAL)


def _neutral(word: QuestionWord) -> str:
    blank = word.text[: len(word.text) - len(word.text.lstrip())]
    return blank + NEUTRAL
