"""What is a contradiction and, as important, what is not."""

from __future__ import annotations

import itertools

import pytest

from core.comparison.keyword import key_word
from core.comparison.verdict import judge

OPEN, CLOSED = "Is the truck's door open?", "Is the truck's door closed?"

CONTRADICTIONS = [
    # yes and no about the same
    (OPEN, "Yes.", OPEN, "No."),
    (OPEN, "Yes, the truck's door is open.", "Is the door of the truck open?", "No, the truck's door is closed."),
    ("Is there a dog in the picture?", "Yes, there is a dog.", "Can you see a dog?", "No, there is no dog."),
    ("Is there a dog?", "Yes", "Does the picture show a dog?", "no"),
    ("Is there a dog?", "Yeah, there is.", "Is a dog visible?", "Nope."),
    ("Is the man wearing a hat?", "Yes.", "Is the man wearing a hat here?", "No, he isn't."),
    ("Would you say that the truck's door is open?", "Yes.", OPEN, "No."),
    # the same answer to opposite questions
    (OPEN, "Yes.", CLOSED, "Yes."),
    (OPEN, "Yes, the truck's door is open.", CLOSED, "Yes, the truck's door is closed."),
    (OPEN, "No.", CLOSED, "No."),
    (OPEN, "Yes", "Is the truck's door shut?", "Yes"),
    ("Isn't the truck's door open?", "Yes.", CLOSED, "Yes."),
    ("Looking at the truck, is its door open?", "Yes.", "Looking at the truck, is its door closed?", "Yes."),
    ("Is it true that the house's door is open?", "Yes.", "Is the house's door closed?", "Yes."),
    ("Is the dog to the left of the car?", "Yes.", "Is the dog to the right of the car?", "Yes."),
    ("Is the dog to the left of the car?", "Yes.", "Is the car to the left of the dog?", "Yes."),
    ("Is the bird above the house?", "Yes.", "Is the bird below the house?", "Yes, it is."),
    ("Do the car and the dog have the same color?", "Yes.", "Are the car and the dog different?", "Yes."),
    ("Is the car big?", "Yes.", "Is the car small?", "Yes."),
    ("Is the lamp on?", "Yes.", "Is the lamp off?", "Yes."),
    ("Is the light turned on?", "Yes.", "Is the light turned off?", "Yes."),
    ("Is the glass full?", "Yes.", "Is the glass empty?", "Yes."),
    # opposite statements
    ("How is the house's door?", "The house's door is open.", "In what state is the house's door?", "It is closed."),
    (OPEN, "Yes, the door is open.", "How is the truck's door?", "The truck's door is shut."),
    (OPEN, "The door is not open.", "How is the truck's door?", "The truck's door is open."),
    (OPEN, "The door isn't open.", OPEN, "The door is open."),
    ("Is the house's door open or closed?", "Open.", "Is the house's door closed or open?", "Closed."),
    # colours, numbers and places
    ("What color is the car?", "The car is red.", "What is the color of the car?", "The car is blue."),
    ("What color is the car?", "Red", "Which color does the car have?", "It is blue."),
    ("What color is the man's shirt?", "The shirt is red.",
     "The man's shirt is what color?", "The man's shirt is green."),
    ("Is the car red?", "Yes.", "What color is the car?", "The car is blue."),
    ("Is the car red?", "No.", "What color is the car?", "The car is red."),
    ("Is the car red?", "Yes.", "Is the car blue?", "Yes."),
    ("How many balls are there?", "There are three balls.", "Count the balls.", "There are four balls."),
    ("How many balls are there?", "3", "Count the balls.", "two"),
    ("How many balls are there?", "There are no balls.", "Is there a ball?", "Yes, there is a ball."),
    ("How many balls are there?", "There are no balls.", "Count the balls.", "There is one ball."),
    ("How many balls are there?", "There are zero balls.", "Count the balls.", "There are 2 balls."),
    ("Where is the dog?", "The dog is at the top left.", "Where can I find the dog?", "The dog is at the bottom left."),
    ("Where is the dog?", "The dog is on the left.", "What is the position of the dog?", "On the right."),
    (
        "On which side of the car is the dog?",
        "The dog is to the left of the car.",
        "To which side of the car is the dog?",
        "The dog is to the right of the car.",
    ),
    ("Which is further left, the dog or the car?", "The dog is further left.",
     "Which is further right, the dog or the car?", "The dog is further right."),
    # facts stated in the question, and typography
    ("The dog is orange. The car is red. What color is the dog?", "The dog is orange.",
     "What color is the dog?", "Red."),
    ("Is the truck’s door open?", "YES!", "is the truck's door CLOSED", "yes"),
]  # fmt: skip

NOT_CONTRADICTIONS = [
    # the same in other words
    (OPEN, "Yes.", CLOSED, "No.", "agree"),
    (OPEN, "Yes, the truck's door is open.", CLOSED, "No, the truck's door is open.", "agree"),
    (OPEN, "Yes, it is open.", "How is the truck's door?", "The truck's door is open.", "agree"),
    (OPEN, "No, the truck's door is closed.", "Is the truck's door shut?", "Yes, it's shut.", "agree"),
    (OPEN, "The door is not open.", CLOSED, "The door is closed.", "agree"),
    ("Isn't the truck's door open?", "Yes, it is open.", OPEN, "Yes.", "agree"),
    ("Is there a dog?", "Yes, there is a dog.", "Can you see a dog?", "Yes, there is a dog.", "agree"),
    ("Is there a dog?", "No, there is no dog.", "Can you see a dog?", "No.", "agree"),
    ("What color is the car?", "The car is red.", "What is the color of the car?", "red", "agree"),
    ("What color is the car?", "The car is grey.", "What colour is the car?", "The car is GRAY!", "agree"),
    ("How many balls are there?", "There are three balls.", "Count the balls.", "3", "agree"),
    ("How many balls are there?", "There are no balls.", "Count the balls.", "Zero.", "agree"),
    (
        "Is the dog to the left of the car?",
        "Yes, the dog is to the left of the car.",
        "Is the car to the left of the dog?",
        "No, the car is to the right of the dog.",
        "agree",
    ),
    ("Is the dog to the left of the car?", "Yes.", "Is the car to the right of the dog?", "Yes.", "agree"),
    ("Where is the dog?", "The dog is at the top left.", "Where can I find the dog?", "At the top left.", "agree"),
    ("Which is further left, the dog or the car?", "The dog is further left.",
     "Which is further right, the dog or the car?", "The car is further right.", "agree"),
    ("Do the car and the dog have the same color?", "The car is red and the dog is blue, so the colors are different.",
     "Are the car and the dog the same color?", "The car is red and the dog is blue, so the colors are different.",
     "agree"),
    ("Name the animal.", "A sheepdog.", "What animal is that?", "a sheepdog", "agree"),
    # yes to a question with "not" means what the answer says
    ("Is the truck's door open?", "Yes, the truck's door is open.", "Is the truck's door not open?",
     "Yes, the truck's door is open.", "agree"),
    # other things are asked
    ("What color is the car?", "The car is red.", "What color is the dog?", "The dog is blue.", "differ"),
    ("Is the truck's door open?", "Yes.", "Is the house's door closed?", "Yes.", "differ"),
    ("Is there a dog?", "Yes.", "Is there a cat?", "No.", "differ"),
    ("Is there a dog?", "Yes.", "Is there a cat?", "Yes.", "differ"),
    ("What color is the man's shirt?", "Red.", "What color are the man's trousers?", "Blue.", "differ"),
    ("Is the car red?", "No.", "Is the car blue?", "No.", "differ"),
    ("Is the car big?", "No.", "Is the car small?", "No.", "differ"),
    ("Is the dog left of the car?", "No.", "Is the dog right of the car?", "No.", "differ"),
    # one says more, or something else
    ("What color is the car?", "The car is red.", "What color is the car?", "The car is red and white.", "differ"),
    ("Describe the picture.", "A red car and a blue dog.", "What do you see?", "A blue dog and a red car.", "agree"),
    ("Describe the picture.", "The picture shows a red car.", "What do you see?", "A man in a blue shirt.", "differ"),
    ("How many balls are there?", "There are three balls.", "Is there a ball?", "Yes, there is a ball.", "differ"),
    ("Where is the dog?", "The dog is at the top left.", "Where is the dog?", "The dog is on the left.", "differ"),
    ("Where is the dog?", "On the grass.", "Where can I find the dog?", "Next to the car.", "differ"),
    ("What animal is that?", "A dog.", "What animal is it?", "A cat.", "differ"),
    ("Is there a dog?", "Yes.", "What color is the dog?", "I do not know.", "differ"),
    # words that look like values and are not
    ("Is the cat on the bench?", "Yes.", "Is the cat off the grass?", "Yes.", "differ"),
    ("Which one is the dog on?", "The one on the left.", "How many dogs are there?", "There are two dogs.", "differ"),
]  # fmt: skip


@pytest.mark.parametrize(("q1", "a1", "q2", "a2"), CONTRADICTIONS)
def test_contradictions_are_found_in_either_order(q1: str, a1: str, q2: str, a2: str) -> None:
    for questions, answers in (([q1, q2], [a1, a2]), ([q2, q1], [a2, a1])):
        verdict = judge(questions, answers)
        assert verdict.kind == "contradict", verdict.sentence
        assert [pair[:2] for pair in verdict.contradictions] == [(0, 1)]
        assert verdict.sentence.startswith("Phrasings 1 and 2 contradict each other: ")


@pytest.mark.parametrize(("q1", "a1", "q2", "a2", "kind"), NOT_CONTRADICTIONS)
def test_what_can_both_be_true_is_no_contradiction(q1: str, a1: str, q2: str, a2: str, kind: str) -> None:
    for questions, answers in (([q1, q2], [a1, a2]), ([q2, q1], [a2, a1])):
        verdict = judge(questions, answers)
        assert verdict.kind == kind, verdict.sentence
        assert verdict.contradictions == ()


@pytest.mark.parametrize(
    ("questions", "answers", "sentence"),
    [
        ([OPEN, CLOSED], ["Yes.", "Yes."], "both say yes, but one asks “open” and the other “closed”."),
        ([OPEN, CLOSED], ["No.", "No."], "both say no, but one asks “open” and the other “closed”."),
        ([OPEN, OPEN], ["Yes.", "No."], "one says yes and the other no to the same."),
        (["What color is it?"] * 2, ["Red.", "Navy."], "one says “red” and the other “navy”."),
        (["What color is it?"] * 2, ["Red.", "It is not red."], "one says “red” and the other denies it."),
    ],
)
def test_the_sentence_names_what_contradicts(questions: list[str], answers: list[str], sentence: str) -> None:
    assert judge(questions, answers).sentence == f"Phrasings 1 and 2 contradict each other: {sentence}"


def test_every_contradicting_pair_of_four_is_named() -> None:
    verdict = judge([OPEN, CLOSED, OPEN, CLOSED], ["Yes.", "Yes.", "Yes.", "No."])
    assert [(i, j) for i, j, _ in verdict.contradictions] == [(0, 1), (1, 2), (1, 3)]
    assert verdict.sentence.endswith("So do 2 more pairs.")


def test_agreement_of_several_is_agreement_of_all() -> None:
    questions = ["What color is the car?", "Which color does the car have?", "The car is what color?"]
    assert judge(questions, ["Red.", "It is red.", "The car is red."]).sentence == "All 3 answers agree."
    assert judge(questions, ["Red.", "It is red.", "I am not sure."]).kind == "differ"


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (["Sí, está abierta.", "sí, está ABIERTA"], "agree"),
        (["Sí, la puerta está abierta.", "No, la puerta está cerrada."], "differ"),
        (["הדלת פתוחה", "הדלת סגורה"], "differ"),
        (["ドアは開いています", "ドアは開いています。"], "agree"),
        (["🚗🚗", "🚗🚗"], "agree"),
        (["🚗🚗", "🐕"], "differ"),
    ],
)
def test_other_languages_are_compared_as_text_and_it_says_so(answers: list[str], kind: str) -> None:
    verdict = judge(["¿Está abierta la puerta?"] * 2, answers)
    assert (verdict.kind, verdict.contradictions) == (kind, ())
    assert "English alone" in verdict.sentence


def test_an_empty_answer_agrees_with_nothing() -> None:
    assert judge([OPEN, OPEN], ["", "Yes."]).sentence == "Phrasing 1 got no answer."
    assert judge([OPEN, OPEN], [" ", ""]) == judge([OPEN, OPEN], ["", "\n"])
    assert judge([OPEN, OPEN], ["", ""]).kind == "differ"


@pytest.mark.parametrize(("questions", "answers"), [([], []), (["a"], ["b"]), (["a", "b"], ["c"])])
def test_fewer_than_two_or_unequal_numbers_are_refused(questions: list[str], answers: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more"):
        judge(questions, answers)


def test_no_text_breaks_it() -> None:
    odd = [
        "?",
        "...",
        "no no no",
        "not",
        "there",
        "is",
        "or",
        "left left left",
        "'s",
        "1" * 400,
        "\u202eabc",
        "a" * 5000,
    ]
    for first, second in itertools.product(odd, odd):
        assert judge([first, second], [second, first]).sentence.endswith(".")
        word = key_word(first, second)
        assert 0 <= word.start <= word.stop <= len(second)


KEY_WORDS = [
    (OPEN, "Yes, the truck's door is open.", "Yes"),
    (OPEN, "The truck's door is open.", "open"),
    ("Is the house's door open or closed?", "The house's door is closed.", "closed"),
    ("How is the house's door?", "The house's door is closed.", "closed"),
    ("What color is the man's shirt?", "The man's shirt is yellow.", "yellow"),
    ("What color are the man's trousers?", "The man's trousers are dark blue.", "blue"),
    ("Is there a dog?", "No, there is no dog.", "No"),
    ("How many balls are there?", "There are three balls.", "three"),
    ("Count the balls.", "There are no balls.", "no"),
    ("What is the number of red balls?", "There are 12 red balls.", "12"),
    ("Where is the dog?", "The dog is at the top left.", "top left"),
    ("On which side of the car is the dog?", "The dog is to the left of the car.", "left"),
    ("Is the dog to the left or to the right of the car?", "The dog is to the right of the car.", "right"),
    ("Which is further left, the dog or the car?", "The dog is further left.", "dog"),
    ("Of the ball and the tree, which is further right?", "The tree is further right.", "tree"),
    ("Which color is the tree house?", "The tree house is red.", "red"),
    ("Do the car and the dog have the same color?", "The car is red and the dog is blue, so they differ.", "red"),
    ("What animal is that?", "That is a sheepdog.", "sheepdog"),
    ("Describe the picture.", "The picture shows a man in a red shirt.", "red"),
    ("¿Qué color?", "Rojo, claro", "Rojo"),
    ("What color is it?", "  red ", "red"),
    ("What is it?", "?!", "?!"),
]


@pytest.mark.parametrize(("question", "answer", "expected"), KEY_WORDS)
def test_the_key_word_carries_the_answer(question: str, answer: str, expected: str) -> None:
    assert answer[key_word(question, answer)] == expected
