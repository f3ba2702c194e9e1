"""The word of an answer that carries it: yes, the color, the number, the side."""

from __future__ import annotations

from collections.abc import Sequence

from core.answer import Answer
from core.comparison.claims import alternatives, is_polar
from core.comparison.words import NO, NUMBER, YES, Word, is_content, stem, values_in, words


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
    named = {stem(word.plain) for word in asked}
    values = values_in(said)
    offered = alternatives(question)
    counting = ("how" in named and "many" in named) or "count" in named or {"number", "of"} <= named

    found = [index for index, word in enumerate(said) if word.plain in offered]
    found = found or [index for index, dimension, _ in values if counting and dimension is NUMBER]
    found = found or [index for index, word in enumerate(said) if counting and word.plain == "no"]
    found = found or _which(asked, said)
    if not found:
        found = [index for index, _, _ in values if stem(said[index].plain) not in named] or [i for i, _, _ in values]
        if found:
            return _phrase(said, found[0], {index for index, _, _ in values})
    new = [index for index, word in enumerate(said) if is_content(word.plain) and stem(word.plain) not in named]
    found = found or new or [index for index, word in enumerate(said) if is_content(word.plain)] or [len(said) - 1]
    return _characters(said[found[0]])


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
