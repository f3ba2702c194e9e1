"""A question whose pictures stand among its words: what is typed into the boxes, and what comes of it."""

from __future__ import annotations

import pytest
from PIL import Image

from core.answer import Question
from core.ui.chat.composing import composed
from core.ui.widgets.asked import in_words

IMAGE = Image.new("RGB", (8, 8))


@pytest.mark.parametrize(
    ("parts", "text", "places"),
    [
        (("", "", "Which is red?"), "Which is red?", (0, 0)),
        (("Compare", "with", "and say."), "Compare with and say.", (8, 13)),
        ((" What is ", ""), "What is", (7,)),
        (("A", "", "B"), "A B", (2, 2)),
        (("", "then", ""), "then", (0, 4)),
        (("", ""), "", (0,)),
    ],
)
def test_words_are_joined_and_pictures_stand_between_them(
    parts: tuple[str, ...], text: str, places: tuple[int, ...]
) -> None:
    assert composed(parts) == (text, places)
    if text:
        asked = Question(text, [IMAGE] * len(places), images_at=places)
        assert [part.strip() for part in asked.first_parts] == [part.strip() for part in parts]


def test_on_screen_a_question_names_its_pictures_where_they_stand() -> None:
    asked = Question("Compare with it.", [IMAGE, IMAGE], images_at=(8, 13))
    assert in_words(asked) == "Compare ⟨picture 1⟩ with ⟨picture 2⟩ it."
    assert in_words(Question("Compare.", [IMAGE])) == "Compare."
