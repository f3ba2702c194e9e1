"""One case: the model is asked, and every signal of every content word is written down beside what is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..answer import Answer, Decoding
from ..cases.case import Case
from ..cases.journal import Record
from ..cases.plain import plain
from ..cases.score_case import LONGEST_ANSWER
from ..cases.scoring import is_right
from ..comparison.words import words
from ..errors import QuestionError, UnreadableImage
from ..typed import typed
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from .cases import THERE, THING
from .content import ContentWord, content_words, denies, key_index, thing_index
from .measure import measure

_EXISTS = re.compile(r"^(?:is|are) there (?:an?|any) ([\w' -]+?)(?: (?:in|on|at|visible)\b.*)?\?$", re.IGNORECASE)


@dataclass(frozen=True)
class Word:
    """A content word of an answer: whether it begins the answer's `key` word, whether it names the `thing` that the
    question is about, and whether it is `wrong` (None: nobody knows)."""

    text: str
    key: bool
    thing: bool
    wrong: bool | None


@dataclass(frozen=True)
class Line:
    """What a journal tells of a case. `right`: whether the answer is (None: nobody knows); `there`: whether the thing
    it takes to be there is (None: it takes none to be). `values` are of the words, by signal, NaN where one says
    nothing; `refused` are reasons by signal; `problem` says why the case could not be asked."""

    case: str
    key: str
    family: str = ""
    said: str = ""
    right: bool | None = None
    there: bool | None = None
    words: tuple[Word, ...] = ()
    values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none."""
    line = typed(Line, record)
    for key, values in line.values.items():
        if len(values) != len(line.words):
            raise ValueError(f"values.{key[:40]} are {len(values)} for {len(line.words)} words")
    return line


def measure_case(
    model: VisionLanguageModel, case: Case, keys: Sequence[str], cancel: CancelToken | None = None
) -> Record:
    """The line of one case, in plain values. Raises Cancelled, and nothing is half done."""
    about: Record = {"case": case.id, "key": case.fingerprint(), "family": case.about.get("family", "")}
    if case.problem is not None:
        return {**about, "problem": case.problem}
    try:
        answer = ask(model, replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST_ANSWER)), cancel=cancel)
    except (QuestionError, UnreadableImage) as error:
        return {**about, "problem": str(error)}
    if cancel is not None:
        cancel.check()
    if not answer.tokens:
        return {**about, "problem": "the answer is empty"}
    found = content_words(answer)
    told = judged(case, answer, found)
    measured = measure(model, answer, [word.tokens for word in found], keys, cancel=cancel)
    values = {"values": plain(measured.values), "refused": dict(measured.refused)}
    return {**about, "said": answer.text, **told, **values}


def judged(case: Case, answer: Answer, found: tuple[ContentWord, ...]) -> Record:
    """What is known of an answer and its words, in plain values.

    Every content word of a right answer is right. Of a wrong one the key word is wrong, and so is the name of a thing
    that is not there and that the answer takes to be there; of its other words nobody knows.
    """
    thing, exists = thing_of(case)
    there = None if thing is None or denies(answer.text) else exists
    named = None if there is None or thing is None else thing_index(found, thing)
    absent = named is not None and there is False
    right = is_right(case, answer.text) if case.expected else None
    if right is None and thing is not None and exists is False:
        right = denies(answer.text)
    key = key_index(answer, found)
    told = []
    for number, word in enumerate(found):
        at_fault = (number == key and right is False) or (absent and number == named)
        told.append(
            {
                "text": word.text,
                "key": number == key,
                "thing": number == named,
                "wrong": True if at_fault else False if right else None,
            }
        )
    return {"right": right, "there": there, "words": told}


def thing_of(case: Case) -> tuple[str | None, bool | None]:
    """The thing that a question asks about, and whether it is there: as its set says, or of "Is there a dog in the
    picture?" by the right answer. Nothing of other questions."""
    if THING in case.about:
        return case.about[THING], case.about.get(THERE) == "yes"
    asked = _EXISTS.match(" ".join(case.question.split()))
    if asked is None or not case.expected:
        return None, None
    named = words(asked[1])
    return (named[-1].plain, not denies(case.expected[0])) if named else (None, None)
