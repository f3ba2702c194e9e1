"""What is known of an answer's words, and the line that a case becomes."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import pytest
from PIL import Image

from core.answer import Answer, AnswerToken, Question, TokenLayout
from core.cases.case import Case
from core.doubt.cases import FIRST_SEED, THERE, THING, THINGS, doubt_cases, thing_cases
from core.doubt.content import content_words, denies, key_index
from core.doubt.measuring import judged, measure_case, read_line, thing_of
from core.street.recipe import SceneRecipe
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel


def answer_of(question: str, *texts: str) -> Answer:
    tokens = tuple(AnswerToken(n, text, math.log(0.9), 0.1, ()) for n, text in enumerate(texts))
    return Answer(Question(question), "m", "".join(texts), tokens, (), TokenLayout((), (), ()), {}, 0.1, "end")


def case_of(question: str, *expected: str, **about: str) -> Case:
    return Case("one", question, expected, "exact", (), (), about)


def told(case: Case, answer: Answer) -> dict[str, Any]:
    return judged(case, answer, content_words(answer))


DOOR = "Is the truck's door open?"
YES = answer_of(DOOR, "Yes", ",", " the", " truck", "'", "s", " door", " is", " open", ".")
DOG = answer_of("What color is the dog?", "The", " dog", " is", " red", ".")


def test_content_words_are_whole_and_without_punctuation() -> None:
    found = content_words(YES)
    assert [word.text for word in found] == ["Yes", "truck's", "door", "open"]
    assert [word.tokens for word in found] == [(0,), (3, 5), (6,), (8,)]
    assert key_index(YES, found) == 0
    assert [word.text for word in content_words(DOG)] == ["dog", "red"]
    assert content_words(answer_of("?", "")) == ()
    of_others = answer_of("这是什么", "一", "只", "狗", "。")
    assert content_words(of_others), "the key word is doubted in any language"


def test_of_a_right_answer_every_word_is_right_and_of_a_wrong_one_the_key_word_is_wrong() -> None:
    right = told(case_of(DOOR, "Yes, the truck's door is open."), YES)
    assert right["right"] is True and [word["wrong"] for word in right["words"]] == [False] * 4
    wrong = told(case_of(DOOR, "No, the truck's door is closed."), YES)
    assert wrong["right"] is False and [word["wrong"] for word in wrong["words"]] == [True, None, None, None]
    unknown = told(case_of(DOOR), YES)
    assert unknown["right"] is None and [word["wrong"] for word in unknown["words"]] == [None] * 4


def test_the_name_of_a_thing_that_is_not_there_is_wrong_unless_it_is_denied() -> None:
    absent = told(case_of("What color is the dog?", **{THING: "dog", THERE: "no"}), DOG)
    assert absent["there"] is False and absent["right"] is False
    assert [(word["thing"], word["wrong"]) for word in absent["words"]] == [(True, True), (False, True)]
    there = told(case_of("What color is the dog?", "The dog is red.", **{THING: "dog", THERE: "yes"}), DOG)
    assert there["there"] is True and [word["wrong"] for word in there["words"]] == [False, False]
    denied = told(
        case_of("What color is the dog?", **{THING: "dog", THERE: "no"}),
        answer_of("What color is the dog?", "There", " is", " no", " dog", "."),
    )
    assert denied["there"] is None and denied["right"] is True
    assert not any(word["thing"] or word["wrong"] for word in denied["words"])


@pytest.mark.parametrize(
    ("question", "expected", "thing", "there"),
    [
        ("Is there a dog in the picture?", "yes", "dog", True),
        ("Are there any red cars?", "no", "cars", False),
        ("Is there a dining table in the image?", "No, there is none.", "table", False),
        ("What is it?", "a dog", None, None),
    ],
)
def test_questions_of_existence_say_what_is_there(
    question: str, expected: str, thing: str | None, there: bool | None
) -> None:
    assert thing_of(case_of(question, expected)) == (thing, there)


def test_a_denial_is_a_word() -> None:
    assert denies("No, there is no dog.") and denies("There isn't one.") and not denies("Yes. A knot.")


def test_things_are_asked_about_by_turns_whether_they_are_there() -> None:
    cases = list(thing_cases(6))
    assert [case.about[THERE] for case in cases] == ["yes", "no"] * 3
    for case in cases:
        scene = SceneRecipe(int(case.id.rsplit(" ", 1)[1])).scene()
        assert scene.count(case.about[THING]) == (1 if case.about[THERE] == "yes" else 0)  # type: ignore[arg-type]
        assert bool(case.expected) == (case.about[THERE] == "yes") and case.about["family"] == THINGS
        assert case.about[THING] in case.question
    assert len({case.id for case in cases}) == 6 and all(int(case.id.rsplit(" ", 1)[1]) >= FIRST_SEED for case in cases)
    assert len(list(doubt_cases(1))) == 9


def test_a_line_is_whole_or_not_there(llava: TransformersModel, picture: Image.Image) -> None:
    case = next(islice(thing_cases(1), 1))
    line = read_line(measure_case(llava, case, ["logprob", "entropy", "spread"]))
    assert line.case == case.id and line.family == THINGS and line.problem is None
    assert set(line.values) == {"logprob", "entropy", "spread"} and all(
        len(values) == len(line.words) for values in line.values.values()
    )
    stuck = Case("two", "?", (), "exact", problem="Its picture is missing.")
    assert read_line(measure_case(llava, stuck, ["logprob"])).problem == "Its picture is missing."
    stopped = CancelToken()
    stopped.cancel()
    with pytest.raises(Cancelled):
        measure_case(llava, case, ["logprob"], stopped)
