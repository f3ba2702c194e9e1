"""Which part of an answer is to be explained: a token, a word, a span or all of it; and a target in words."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Answer, Target
from ...charts.tokens import visible
from ...counted import counted
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import rival_ids

LONGEST_RIVAL = 60
LONGEST_NAMED = 80


def picks_of(target: Target | None, answer: Answer, several: bool) -> tuple[int, ...]:
    """The chips that stand for a target: all its tokens where several can be chosen, or else its first."""
    if target is None:
        return ()
    if several and granularity_of(target, answer) in ("token", "span"):
        return target.tokens
    return target.tokens[:1]


def granularity_of(target: Target, answer: Answer) -> str:
    """What a target is: "token", a whole "word", the whole "answer", or a "span" of tokens that is none of these."""
    if len(target.tokens) == 1:
        return "token"
    if len(target.tokens) == len(answer.tokens):
        return "answer"
    return "word" if tuple(target.tokens) in answer.words() else "span"


def widened(picks: Sequence[int], granularity: str, answer: Answer) -> tuple[int, ...]:
    """The tokens that a token target makes of the chosen ones, in order."""
    if granularity == "answer":
        return tuple(range(len(answer.tokens)))
    if granularity == "word":
        return tuple(index for word in answer.words() if set(word) & set(picks) for index in word)
    return tuple(sorted(picks))


def typed_rival(model: VisionLanguageModel, answer: Answer, index: int, word: str) -> tuple[int | None, str | None]:
    """The token that a typed word begins with at this place of the answer, and what to say about it, if anything."""
    word = word.strip()[:LONGEST_RIVAL]
    ids = rival_ids(model, answer, index, word)
    if not ids:
        return None, "That has no token: type a word."
    first = visible(model.reader.piece(ids[0]))
    if ids[0] == answer.tokens[index].id:
        return None, f"“{visible(word)}” begins with the very token that was said, “{first}”: choose another word."
    if len(ids) > 1:
        return ids[0], f"“{visible(word)}” takes {len(ids)} tokens here; the contrast is with its first, “{first}”."
    return ids[0], None


def describe_target(answer: Answer, target: Target | None, model: VisionLanguageModel) -> str:
    """A target in words, for captions: “ open” (token 9 of 10) rather than “ closed”. Untrusted text."""
    if target is None:
        return f"all {counted(len(answer.tokens), 'token')} of the answer"
    said = "".join(answer.tokens[index].text for index in target.tokens).strip()
    said = said or " ".join(answer.tokens[index].name for index in target.tokens).strip()
    shown = visible(said if len(said) <= LONGEST_NAMED else f"{said[:LONGEST_NAMED]}…")
    numbers = [index + 1 for index in target.tokens]
    if len(numbers) == 1:
        where = f"token {numbers[0]} of {len(answer.tokens)}"
    elif numbers == list(range(numbers[0], numbers[-1] + 1)):
        where = f"tokens {numbers[0]} to {numbers[-1]} of {len(answer.tokens)}"
    else:
        listed = ", ".join(map(str, numbers[:6])) + (" …" if len(numbers) > 6 else "")
        where = f"tokens {listed} of {len(answer.tokens)}"
    rather = ""
    if target.rivals is not None:
        rather = f" rather than “{visible(''.join(model.reader.piece(rival) for rival in target.rivals))}”"
    return f"“{shown}” ({where}){rather}"


def measure_of(answer: Answer, target: Target | None, model: VisionLanguageModel) -> str:
    """What figures about a target are figures of, in words: its log-probability, or, with a rival, the log-odds of the
    two; of several tokens their sum. Untrusted text."""
    named = describe_target(answer, target, model)
    several = len(answer.tokens if target is None else target.tokens) > 1
    odds = target is not None and target.rivals is not None
    return f"the {'summed ' if several else ''}{'log-odds' if odds else 'log-probability'} of {named}"
