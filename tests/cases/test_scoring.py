"""What an answer says is understood, however it is written, and nothing is understood that it does not say."""

from __future__ import annotations

import time

import pytest

from core.cases.case import Case, Scoring
from core.cases.scoring import is_right, option_letter, understood, yes_or_no, yes_unless_no

WINGS = ("Open", "Closed")


@pytest.mark.parametrize(
    "said",
    ["(a)", "a", "A.", "A", " a ", "(A)", "a)", "a: open", "(a) Open", "a open", "Open", "Open.", "The answer is (a).",
     "Answer: a", "The correct answer is A.", "Option A", "The wings are open.", "They are not closed, but open."],
)  # fmt: skip
def test_the_first_option_is_taken_in_any_wording(said: str) -> None:
    assert option_letter(said, WINGS) == "a"


@pytest.mark.parametrize(
    "said",
    ["", "A butterfly.", "(a) or (b)", "(a) Closed", "The wings are not open.", "I cannot tell.",
     "Open or closed.", "c"],
)  # fmt: skip
def test_an_answer_that_takes_no_option_or_several_takes_none(said: str) -> None:
    assert option_letter(said, WINGS) == ""


def test_the_longer_of_two_options_that_share_words_is_meant() -> None:
    assert option_letter("It is half closed.", ("closed", "half closed")) == "b"
    assert option_letter("the right side", ("left", "To the right side of the car")) == "b"


@pytest.mark.parametrize(
    ("said", "expected"),
    [("Yes.", "yes"), ("yes, there is a dog", "yes"), ("No", "no"), ("No, there is no dog.", "no"), ("", ""),
     ("There is a dog.", "yes"), ("There is no dog in the picture.", "no"), ("There isn't.", "no"),
     ("A cat.", ""), ("Yes. There is no cat, though.", "yes"), ("I am not certain.", ""), ("I don't know.", ""),
     ("It is not possible to tell.", ""), ("I cannot see the image.", ""), ("No, I am not sure.", "no"),
     ("It is unclear whether there is.", ""), ("I do not see a dog.", "no"),
     ("The sky is not clear.", "no"), ("There is not enough grass.", "no")],
)  # fmt: skip
def test_yes_and_no_are_read_from_words_and_from_statements(said: str, expected: str) -> None:
    assert yes_or_no("Is there a dog in the image?", said) == expected


def published(text: str) -> str:
    """POPE's evaluate.py, written out."""
    first = text.split(".")[0].replace(",", "").split(" ")
    return "no" if "No" in first or "not" in first or "no" in first else "yes"


@pytest.mark.parametrize(
    "said", ["Yes.", "yes, there is", "No.", "no, there is not", "There is not.", "A dog", "Yes. It is not a cat."]
)
def test_popes_rule_is_the_published_one(said: str) -> None:
    assert yes_unless_no(said) == published(said)


def test_popes_rule_also_understands_contractions_and_says_nothing_of_nothing() -> None:
    assert yes_unless_no("There isn't.") == "no"
    assert yes_unless_no(" ") == ""


@pytest.mark.parametrize(
    ("expected", "said", "right"),
    [("red", "The truck is red.", True), ("red", "The truck is not red.", False),
     ("red", "It is not blue, but red.", True),
     ("red", "Bored.", False), ("3", "There are three cars.", True), ("gray", "A grey wall", True),
     ("top left", "It is at the top, left of it", False), ("", "Anything", False)],
)  # fmt: skip
def test_an_expected_answer_is_found_among_the_words_unless_denied(expected: str, said: str, right: bool) -> None:
    assert is_right(_case("contains", expected), said) is right


def test_exact_is_about_words_alone() -> None:
    case = _case("exact", "The truck is red.")
    assert is_right(case, "the truck is  RED")
    assert not is_right(case, "The truck is red, I think.")


def test_any_of_several_expected_answers_is_right() -> None:
    assert is_right(Case("1", "Who?", ("man", "boy"), "contains"), "The boy.")


def test_free_text_is_understood_as_its_words() -> None:
    assert understood(_case("contains", "red"), "It's RED!") == "it is red"


def _case(scoring: Scoring, expected: str) -> Case:
    return Case("1", "What color is the truck?", (expected,), scoring)


@pytest.mark.parametrize("text", ["(a) " * 1000, "\n" * 4000, "not " * 1000, r"\boxed{" * 100])
def test_a_long_answer_of_nothing_is_read_in_no_time(text: str) -> None:
    began = time.process_time()
    for case in (_case("contains", "red"), Case("1", "Is it?", ("yes",), "yes_no"), Case("1", "?", ("a",), "choice")):
        understood(case, text)
    assert time.process_time() - began < 2
