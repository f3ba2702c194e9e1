"""The word of an answer that carries it: yes, the color, the number, the side."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..answer import Answer
from ..words import spelling
from .claims import alternatives, is_polar
from .words import NO, NUMBER, YES, Word, is_content, stem, values_in, words


def key_word(question: str, answer: str) -> slice:
    """The characters of `answer` that decide it; the whole answer where it has no word.

    For a yes-no question yes or no; for a choice the alternative taken; for "how many" the number; else the first
    value (color, state, place ...) that the question does not name, then the first noun that it does not name.
    """
    said = words(answer)
    if not said:
        return slice(0, len(answer))
    if said[0].plain in YES | NO and (is_polar(question) or len(said) == 1):
        return _characters(said[0])
    asked = words(question)
    if span := _offered(question, said) or _counted(asked, said) or _which(asked, said):
        return _characters(said[span[0]])
    named = {stem(word.plain) for word in asked}
    if values := [index for index, _, _ in values_in(said)]:
        return _phrase(said, _news(said, values, named), set(values))
    content = [index for index, word in enumerate(said) if is_content(word.plain)]
    return _characters(said[_news(said, content or [len(said) - 1], named)])


def key_tokens(answer: Answer) -> tuple[int, ...]:
    """The answer's tokens that spell its key word; all of them where it has none to point at."""
    span = key_word(answer.question.text, answer.text)
    joined = "".join(token.text for token in answer.tokens)
    shift = max(0, joined.find(answer.text))
    start, stop = span.start + shift, span.stop + shift
    chosen, position = [], 0
    for index, token in enumerate(answer.tokens):
        end = position + len(token.text)
        if position < stop and end > start:
            chosen.append(index)
        position = end
    return tuple(chosen) or tuple(range(len(answer.tokens)))


def word_tokens(answer: Answer, word: str) -> tuple[int, ...]:
    """The answer's tokens that spell the first word of it which is `word`, whatever its case and the punctuation around
    it, or else the first place where it is written, from one of Unicode's word boundaries to another; none where it is
    nowhere."""
    wanted = [each.plain for each in words(word)]
    for tokens in answer.words():
        text = "".join(answer.tokens[index].text for index in tokens)
        if text.strip() == word.strip() or (wanted and [each.plain for each in words(text)] == wanted):
            return tokens
    return spelling([token.text for token in answer.tokens], word)


def likely_word(answer: Answer, text: str) -> tuple[int, ...]:
    """The word of an answer that reads like `text`, but for case and punctuation; without one the word in which its
    key word begins."""
    words = answer.words()
    same = [word for word in words if _bare(_spelled(answer, word)) == _bare(text)]
    first = key_tokens(answer)[0]
    return same[0] if same else next(word for word in words if first in word)


def _spelled(answer: Answer, word: tuple[int, ...]) -> str:
    return "".join(answer.tokens[index].text for index in word)


def _bare(text: str) -> str:
    return re.sub(r"^\W+|\W+$", "", text).casefold()


def _offered(question: str, said: Sequence[Word]) -> list[int]:
    """The alternatives of a choice that the answer takes."""
    offered = alternatives(question)
    return [index for index, word in enumerate(said) if word.plain in offered]


def _counted(asked: Sequence[Word], said: Sequence[Word]) -> list[int]:
    """In answers to "how many": numbers, or else the word no."""
    named = {stem(word.plain) for word in asked}
    if not ({"how", "many"} <= named or "count" in named or {"number", "of"} <= named):
        return []
    numbers = [index for index, dimension, _ in values_in(said) if dimension is NUMBER]
    return numbers or [index for index, word in enumerate(said) if word.plain == "no"]


def _news(said: Sequence[Word], indices: Sequence[int], named: set[str]) -> int:
    """The first of some words of an answer that its question does not name; where it names all, the first."""
    return next((index for index in indices if stem(said[index].plain) not in named), indices[0])


def _which(asked: Sequence[Word], said: Sequence[Word]) -> list[int]:
    """In answers to "which is further left, ...": the nouns of the question that the answer takes up, if not all."""
    plain = [word.plain for word in asked]
    if "which" not in plain or plain[plain.index("which") + 1 : plain.index("which") + 2] in (["color"], ["colour"]):
        return []
    nouns = {stem(word.plain) for word in asked if is_content(word.plain)}
    taken = [index for index, word in enumerate(said) if stem(word.plain) in nouns]
    return taken if {stem(said[index].plain) for index in taken} < nouns else []


def _phrase(said: Sequence[Word], first: int, values: set[int]) -> slice:
    """A value and those that follow it at once: "top left"."""
    last = first
    while last + 1 in values and said[last + 1].start - said[last].stop <= 1:
        last += 1
    return slice(said[first].start, said[last].stop)


def _characters(word: Word) -> slice:
    return slice(word.start, word.stop)
