"""The part of another answer that a target is compared with: the same unit, against the same rival."""

from __future__ import annotations

from ..answer import Answer, Target
from ..errors import NotComparable


def counterpart(answer: Answer, target: Target, other: Answer, word: tuple[int, ...]) -> Target:
    """What of a word of `other` stands for `target` of `answer`.

    Of a target that is one token, the token of the word that reads like it, or else its first; of one that is the whole
    answer, the whole other answer; of any other, the word. A contrast is taken over, as its map is in another unit than
    that of a word against all others. Raises NotComparable where the other answer has no such contrast.
    """
    tokens = _unit(answer, target, other, word)
    if target.rivals is None:
        return Target(tokens)
    if other is answer and set(tokens) != set(target.tokens):
        raise NotComparable(
            "The target is a word rather than another, and the words of one answer have no such rival in common. "
            "Choose “anything else” in “rather than” above, or subtract another answer's map."
        )
    if len(tokens) != len(target.tokens):
        raise NotComparable(
            f"The target is contrasted token by token, and has {len(target.tokens)} where this word has {len(tokens)}. "
            "Choose one token as the target, or “anything else” in “rather than” above."
        )
    if any(other.tokens[index].id == rival for index, rival in zip(tokens, target.rivals, strict=True)):
        raise NotComparable(
            "The other answer says the very word that the target is contrasted with, and a word rather than itself has "
            "no map. Choose “anything else” in “rather than” above."
        )
    return Target(tokens, target.rivals)


def _unit(answer: Answer, target: Target, other: Answer, word: tuple[int, ...]) -> tuple[int, ...]:
    if len(target.tokens) == len(answer.tokens) > 1:
        return tuple(range(len(other.tokens)))
    if len(target.tokens) > 1:
        return word
    text = answer.tokens[target.tokens[0]].text.strip()
    return (next((index for index in word if other.tokens[index].text.strip() == text), word[0]),)
