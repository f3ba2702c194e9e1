"""Which words of an answer can be doubted, and which of them a right answer decides about."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Answer
from ..comparison.keyword import key_tokens
from ..comparison.words import NEGATIONS, NO, YES, is_content, stem, value_of, words


@dataclass(frozen=True)
class ContentWord:
    """A word that says something: its text, and the indices of its tokens in the answer, punctuation left out."""

    text: str
    tokens: tuple[int, ...]


def content_words(answer: Answer) -> tuple[ContentWord, ...]:
    """The words that name or tell something: nouns, colours, numbers, states, yes and no; and the words that the key
    word is part of, whatever they are. The others ("the", "is") are held to be as sure as these."""
    key = set(key_tokens(answer))
    found = []
    for group in answer.words():
        spelling = tuple(index for index in group if _spells(answer.tokens[index].text)) or group
        text = "".join(answer.tokens[index].text for index in range(spelling[0], spelling[-1] + 1)).strip()
        if any(_says(word.plain) for word in words(text)) or (key & set(spelling) and text):
            found.append(ContentWord(text, spelling))
    return tuple(found)


def key_index(answer: Answer, found: tuple[ContentWord, ...]) -> int | None:
    """Which of the content words begins the answer's key word; None where none does."""
    first = key_tokens(answer)[:1]
    return next((number for number, word in enumerate(found) if set(first) & set(word.tokens)), None)


def thing_index(found: tuple[ContentWord, ...], thing: str) -> int | None:
    """The first content word that names a thing, but for its plural; None where none does."""
    wanted = stem(thing.casefold())
    return next(
        (number for number, word in enumerate(found) if any(stem(one.plain) == wanted for one in words(word.text))),
        None,
    )


def denies(text: str) -> bool:
    """Whether an answer says no, or that something is not so. English alone is understood."""
    return any(word.plain in NO | NEGATIONS for word in words(text))


def _spells(text: str) -> bool:
    """Whether a token is more than punctuation. (One without text is a part of a character.)"""
    return not text or any(character.isalnum() for character in text)


def _says(word: str) -> bool:
    return is_content(word) or value_of(word) is not None or word in YES | NO | NEGATIONS
