"""How people and models put an answer: each form with what it says, in the round over yes and no, letters, numbers and
words. `{v}` is what is meant and `{w}` something else; "v" is to be understood, "w" the other, "" nothing."""

from __future__ import annotations

import pytest

from core.cases.case import Case
from core.cases.scoring import is_right, understood

ALL = "yes letter bracket number word"
KINDS = {
    "yes": (Case("1", "Is there a dog?", ("yes",), "yes_no"), "yes", "no"),
    "no": (Case("1", "Is there a dog?", ("no",), "yes_no"), "no", "yes"),
    "letter": (Case("1", "Open?", ("b",), "choice", options=("Open", "Closed", "Gone")), "B", "A"),
    "bracket": (Case("1", "Open?", ("b",), "choice", options=("Open", "Closed", "Gone")), "(b)", "(a)"),
    "number": (Case("1", "How many dogs are there?", ("3",), "contains"), "three", "two"),
    "digit": (Case("1", "How many dogs are there?", ("3",), "contains"), "3", "2"),
    "word": (Case("1", "What color is the truck?", ("red",), "contains"), "red", "blue"),
    "thing": (Case("1", "What is on the table?", ("lamp",), "contains"), "lamp", "vase"),
}
EVERY = tuple(KINDS)
CHOSEN = ("letter", "bracket", "number", "digit", "word", "thing")
FORMS = (
    ("{v}", "v", EVERY),
    ("{v}.", "v", EVERY),
    (" {V} ", "v", EVERY),
    ("**{v}**", "v", EVERY),
    ("__{v}__.", "v", EVERY),
    ("`{v}`", "v", EVERY),
    (r"\boxed{{{v}}}", "v", EVERY),
    (r"$\boxed{{\text{{{v}}}}}$", "v", EVERY),
    (r"So {w} it seemed, but \(\boxed{{\mathbf{{{v}}}}}\).", "v", EVERY),
    ("The answer is {v}.", "v", EVERY),
    ("The correct answer is **{v}**.", "v", EVERY),
    ("Answer: {v}", "v", EVERY),
    ("**Final answer:** {v}", "v", EVERY),
    ("<answer>{v}</answer>", "v", EVERY),
    ("<think>It could be {w}. The answer is {w}.</think>{v}", "v", EVERY),
    ("The answer to the question is {v}.", "v", EVERY),
    ("At first it looks like {w}. The answer is {v}.", "v", EVERY),
    ("The answer is {w}. Wait, the answer is {v}.", "v", EVERY),
    ("{w}. Actually, {v}.", "v", EVERY),
    ("{w}... no, wait, {v}.", "v", EVERY),
    ("{w}. Correction: {v}.", "v", EVERY),
    ("{v}\n\nThis can be seen in the middle.", "v", EVERY),
    ("{v}. It stands in the middle of the picture.", "v", EVERY),
    ("{v}, because it is plain to see.", "v", EVERY),
    ("<think>It is {v}", "", EVERY),
    ("", "", EVERY),
    ("I cannot tell.", "", ("yes", "no", "letter", "number", "word")),
    ("Not {w}, but {v}.", "v", CHOSEN),
    ("{w} is wrong; the answer is {v}.", "v", CHOSEN),
    ("{w} is incorrect, so the answer must be {v}.", "v", CHOSEN),
    ("It is {v}, not {w}.", "v", ("bracket", "number", "digit", "word", "thing")),
    ("It is {v} rather than {w}.", "v", ("bracket", "number", "digit", "word", "thing")),
    ("It is {w} rather than {v}.", "w", ("bracket", "number", "digit", "word", "thing")),
    ("The answer is {w}, not {v}.", "w", ("letter", "bracket", "number", "digit", "word", "thing")),
    ("It is anything but {v}.", "", ("word", "thing")),
    ("{w} or {v}", "", ("yes", "no", "letter", "bracket", "number", "digit")),
    ("Neither {w} nor {v}.", "", ("yes", "no", "letter", "bracket", "word", "thing")),
)


@pytest.mark.parametrize(("form", "says", "kind"), [(f, s, kind) for f, s, kinds in FORMS for kind in kinds])
def test_a_form_says_the_same_of_yes_and_no_letters_numbers_and_words(form: str, says: str, kind: str) -> None:
    case, meant, other = KINDS[kind]
    said = form.format(v=meant, w=other, V=meant.upper())
    assert is_right(case, said) is (says == "v"), said
    if case.scoring != "contains":
        spoken = {"v": meant, "w": other, "": ""}[says].strip("()").lower()
        assert understood(case, said) == spoken, said


@pytest.mark.parametrize(
    ("said", "letter"),
    [("［Ｂ］", "b"), ("（Ｂ）", "b"), ("Ｂ．", "b"), ("Ⓑ", "b"), ("⒝", "b"), ("[B]", "b"), ("{B}", "b"),
     ("【B】", "b"), ("<B>", "b"), ("Option B", "b"), ("option b.", "b"),
     ("Choice B is correct.", "b"), ("B) Closed", "b"),
     ("B: Closed", "b"), ("B - Closed", "b"), ("**B.** Closed", "b"), ("(B) is correct.", "b"),
     ("(A) is wrong; the answer is (B)", "b"), ("(a) is out and (c) is wrong. (b) is right.", "b"),
     ("Not (a), but (b)", "b"), ("I would go with B.", "b"), ("I choose (b).", "b"), ("It's B.", "b"),
     ("The second one", "b"), ("the second option", "b"), ("The 2nd one.", "b"), ("Option 2", "b"),
     ("The last one.", "c"),     ("second", "b"),
     ("Definitely B.", "b"), ("B because it is closed", "b"), ("(b). (a) shows an open door.", ""),
     ("The best choice is (b); (a) shows an open door.", "b"), ("Both (a) and (b).", ""), ("Neither.", ""),
     ("All of them.", ""), ("(d)", ""), ("Not the second one.", ""), ("The second door from the left.", ""),
     ("It is a door.", ""), ("Vitamin C", ""), ("The first or the second one.", ""), ("It is not B.", ""),
     ("B\n\nExplanation: (A) would need an open door.", "b"),
     ("(b) Closed\n\nNo door is open, and none is gone. An open one would be dark.", "b"),
     ("(a) Open: it is not.\n(b) Closed: it is.", ""), ("(a) Closed", ""), ("Closed.", "b"), ("Not closed.", ""),
     ("2", "")],
)  # fmt: skip
def test_letters_in_any_dress(said: str, letter: str) -> None:
    assert understood(KINDS["letter"][0], said) == letter


@pytest.mark.parametrize(
    ("said", "letter"),
    [("The latter.", "b"), ("the former", "a"), ("Both.", "c"), ("neither", "d"), ("The first.", "a")],
)
def test_words_for_options_and_options_that_are_such_words(said: str, letter: str) -> None:
    two = Case("1", "Which?", ("b",), "choice", options=("the left dog", "the right cat"))
    four = Case("1", "Which?", ("b",), "choice", options=("red", "blue", "both", "neither"))
    assert understood(two if letter in "ab" else four, said) == letter


@pytest.mark.parametrize(
    ("said", "expected"),
    [("It seems that there is none", "no"), ("There are none.", "no"), ("None.", "no"), ("Neither of them.", "no"),
     ("Nothing of the kind is to be seen.", "no"), ("Not at all.", "no"), ("Definitely not.", "no"),
     ("Of course not.", "no"), ("Of course!", "yes"), ("I think so.", "yes"), ("I don't think so.", "no"),
     ("Both are.", "yes"), ("It is.", "yes"), ("It isn't.", "no"), ("There's no doubt that there is a dog.", "yes"),
     ("No doubt.", "yes"), ("Without a doubt.", "yes"), ("Well, no.", "no"), ("Based on the picture, yes.", "yes"),
     ("Probably not.", "no"), ("Unlikely.", "no"), ("Yes ... no, wait: there is no dog.", "no"),
     ("No. Actually, yes, there is one.", "yes"), ("The image shows a dog.", "yes"),
     ("The picture shows a street. There is no dog.", "no"), ("The picture shows a street. So, no.", "no"),
     ("There is not only a dog but a cat.", "yes"), ("Ｙｅｓ", "yes"), ("ＮＯ。", "no"), ("Yes and no.", ""),
     ("Maybe.", ""),
     ("Yes/No", ""), ("Yes, there is no dog.", ""), ("No, there is a dog.", ""), ("A cat.", ""),
     ("It is not the case that there is no dog.", "")],
)  # fmt: skip
def test_yes_and_no_in_any_dress(said: str, expected: str) -> None:
    assert understood(KINDS["yes"][0], said) == expected


@pytest.mark.parametrize(
    ("expected", "said", "right"),
    [("3", "There are 3.0 of them", True), ("3", "３", True), ("1000", "1,000 dogs", True),
     ("23", "Twenty-three.", True),
     ("3", "Twenty-three.", False), ("5", "2.5", False), ("12", "a dozen", True), ("24", "Two dozen.", True),
     ("2", "Two dozen.", False), ("40", "forty", True), ("0", "There are no dogs.", True), ("0", "None.", True),
     ("0", "It seems that there is none", True), ("0", "zero", True), ("0", "I see one dog and no cats.", False),
     ("1", "the red one", False), ("1", "There is one.", True), ("1", "One dog", True), ("3", "between 2 and 3", False),
     ("3", "Not two but three", True), ("3", "2, no wait, 3", True), ("2", "2, no wait, 3", False)],
)  # fmt: skip
def test_numbers_in_words_and_digits(expected: str, said: str, right: bool) -> None:
    assert is_right(Case("1", "How many dogs are there?", (expected,), "contains"), said) is right


@pytest.mark.parametrize(
    ("kind", "said"),
    [("number", "Several."), ("number", "two or three"), ("word", "It is burgundy-ish."), ("thing", "...")],
)
def test_free_text_without_a_word_of_the_kind_expected_is_not_understood(kind: str, said: str) -> None:
    assert understood(KINDS[kind][0], said) == ""
