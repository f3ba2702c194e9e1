"""What layouts and answers say of themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question, RegionMask, TokenKind, TokenLayout, Turn
from core.errors import MisplacedImage

S, T, P, A = TokenKind.SPECIAL, TokenKind.TEXT, TokenKind.IMAGE, TokenKind.ANSWER


@pytest.mark.parametrize(
    ("kinds", "question"),
    [
        ((S, T, T, S, T, S, T, T, T, S, A), (6, 7, 8)),
        ((T, T, S), (0, 1)),
        ((S, T), (1,)),
        ((S, P), ()),
        ((S, T, T, S, T, S, P, P, S, T, S, A), (4, 9)),
        ((S, P, S, T, S, T, S, P, T, S, A), (5, 8)),
    ],
)
def test_earlier_turns_are_not_the_question(kinds: tuple[TokenKind, ...], question: tuple[int, ...]) -> None:
    assert TokenLayout(kinds, (), ()).question() == question


def test_a_question_takes_files_and_pictures(tmp_path: Path) -> None:
    picture = Image.new("RGB", (3, 2), "red")
    picture.save(tmp_path / "red.png")
    from_file = Question("What is it?", str(tmp_path / "red.png"))
    assert from_file.visual_fingerprint() == Question("What is it?", [picture]).visual_fingerprint()
    assert [image.size for image in Question("Which?", [tmp_path / "red.png", picture]).images] == [(3, 2), (3, 2)]


def test_a_question_is_cut_at_the_places_of_its_pictures() -> None:
    picture = Image.new("RGB", (3, 2), "red")
    within = Question("one two", (picture, picture), images_at=(4, 7))
    assert within.first_parts == ("one ", "two", "")
    assert Question("one two", (picture, picture)).first_parts == ("", "", "one two")
    assert replace(within, history=(Turn("a picture", "Yes."),), images_at=(0, 2)).first_parts == ("", "a ", "picture")
    assert within.with_text("three").images_at == ()


def test_places_before_the_text_are_as_none_and_others_are_part_of_the_content() -> None:
    picture = Image.new("RGB", (3, 2), "red")
    plain = Question("one two", (picture,))
    assert Question("one two", (picture,), images_at=(0,)).fingerprint() == plain.fingerprint()
    assert Question("one two", (picture,), images_at=(4,)).fingerprint() != plain.fingerprint()


@pytest.mark.parametrize("places", [(1,), (1, 2, 3), (3, 2), (-1, 2), (0, 8)])
def test_places_that_are_not_there_are_refused(places: tuple[int, ...]) -> None:
    picture = Image.new("RGB", (3, 2), "red")
    with pytest.raises(MisplacedImage, match="places"):
        Question("one two", (picture, picture), images_at=places)


def test_a_changed_question_keeps_its_pictures_and_the_rest() -> None:
    picture = Image.new("RGB", (3, 2), "red")
    question = Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=3))
    masked = question.with_text("And now?").with_masks(RegionMask(np.ones((2, 3), bool)))
    assert masked.images[0] is picture and masked.decoding == question.decoding and masked.text == "And now?"
    assert replace(masked, images=()).images == ()
    assert masked.with_masks().masks == ()


def test_the_order_of_masks_belongs_to_a_questions_content() -> None:
    picture = Image.new("RGB", (3, 2), "red")
    one, other = RegionMask(np.eye(2, 3, dtype=bool)), RegionMask(np.ones((2, 3), bool), "mean")
    prints = {
        Question("?", picture, masks=masks).fingerprint() for masks in ((), one, other, (one, other), (other, one))
    }
    assert len(prints) == 5


def test_a_question_sees_nothing_under_transparency() -> None:
    [seen] = Question("What is it?", Image.new("RGBA", (1, 1), (200, 0, 0, 0))).images
    assert np.asarray(seen).tolist() == [[[255, 255, 255]]]
