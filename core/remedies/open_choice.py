"""A yes-no question, asked without putting an answer into the model's mouth."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..answer import Answer
from ..comparison.claims import is_polar, read
from ..comparison.opposites import pair_words
from ..comparison.words import NEGATIONS, is_english, value_of, words
from ..settings import switch
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from .base import ONCE, Progress, Remedy, Tried, asked

_AS_A_CLAIM = re.compile(r"^is it (?:true|right|correct|the case) that\b", re.IGNORECASE)
_YES_NO = re.compile(r"^\W*(?:yes|no)\b[\s,.:;–-]*(?=\S)", re.IGNORECASE)
"""Said to a choice all the same, it says nothing."""


@dataclass(frozen=True)
class OpenChoiceSettings:
    """In which order the alternatives stand."""

    asked_last: bool = switch(False, "Asked word last", help="“closed or open” for “open?”.")


class OpenChoice(Remedy):
    """Neutral wording: a yes-no question about one of two opposites is asked as a choice between both ("Is the door
    open or closed?"), so that agreeing is no answer. English only. What is chosen is read as a yes or no to the
    question as it was.

    Models that agree with what is put to them are described by Sharma et al. 2024, "Towards Understanding Sycophancy in
    Language Models".
    """

    key = "open_choice"
    name = "Asked as an open choice"
    caveat = "It is another question: a model may know one form of it better, and the order of the words may decide."
    order = 80
    Settings = OpenChoiceSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if (why := super().obstacle(model, answer)) is not None:
            return why
        if as_choice(answer.question.text) is None:
            return "This is no yes-no question about one of two opposites, in plain English. Word it yourself instead."
        return None

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: OpenChoiceSettings) -> Passes:
        return ONCE

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: OpenChoiceSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        text = as_choice(answer.question.text, settings.asked_last)
        assert text is not None
        again = asked(model, answer.question.with_text(text), cancel=cancel)
        return Tried(again, f"Asked: “{text}”", says=as_yes_or_no(answer.question.text, text, again.text))


def as_choice(question: str, asked_last: bool = False) -> str | None:
    """A yes-no question about one of two opposites as a choice between both; None where it is none, denies something,
    or is not English."""
    plain = " ".join(question.split())
    if not is_english([plain]) or not is_polar(plain) or NEGATIONS & {word.plain for word in words(plain)}:
        return None
    pairs = pair_words(plain)
    if not pairs:
        return None
    start, stop, other = pairs[0]
    both = (other, plain[start:stop]) if asked_last else (plain[start:stop], other)
    chosen = f"{plain[:start]}{both[0]} or {both[1]}{plain[stop:]}"
    return _AS_A_CLAIM.sub("Would you say that", chosen)


def as_yes_or_no(question: str, choice: str, said: str) -> str:
    """What the answer to the choice says to the yes-no question: it, after Yes or No (and without one of its own); the
    answer itself where it takes neither alternative, or both."""
    plain = " ".join(question.split())
    start, stop, _ = pair_words(plain)[0]
    value = value_of(plain[start:stop].lower())
    if value is None:
        return said
    dimension, wanted = value
    opposite = dimension.opposite(wanted)
    taken = {
        claim.value if claim.positive else wanted if claim.value == opposite else opposite
        for claim in read(choice, said).claims
        if claim.dimension == dimension.name and claim.value in (wanted, opposite) and not claim.asked
    }
    if len(taken) != 1:
        return said
    told = _YES_NO.sub("", said)
    return f"{'Yes' if taken == {wanted} else 'No'}, {told[:1].lower()}{told[1:]}"
