"""Questions that cannot be asked get a sentence; strange ones that can be asked get an answer."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question, RegionMask, TokenKind, Turn
from core.errors import EmptyQuestion, QuestionError, QuestionTooLong, UnusableImage
from core.vlm.generation import ask, stream
from core.vlm.hf import network
from core.vlm.hf.network import TransformersModel

THREE = Decoding(max_new_tokens=3)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_question_is_refused(model: TransformersModel, picture: Image.Image, text: str) -> None:
    with pytest.raises(EmptyQuestion, match="empty"):
        next(stream(model, Question(text, (picture,))))


@pytest.mark.parametrize("length", [100_000, 20_000_000])
def test_a_book_is_refused_with_figures_before_the_picture_is_looked_at(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch, picture: Image.Image, length: int
) -> None:
    monkeypatch.setattr(network, "processed", lambda *_: pytest.fail("the processor ran"))
    began = time.perf_counter()
    with pytest.raises(QuestionTooLong) as refusal:
        model.prepare(Question("x" * length, (picture,), decoding=Decoding(max_new_tokens=24)))
    assert time.perf_counter() - began < 5
    assert "1,000" in str(refusal.value) and f"{length:,}" in str(refusal.value)


def test_the_limit_counts_picture_history_and_the_answer_to_come(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch, picture: Image.Image
) -> None:
    question = Question("Where?", (picture,), history=(Turn("a", "b"),), decoding=THREE)
    length = len(model.prepare(question).ids)
    monkeypatch.setattr(model, "context_length", length + 3)
    model.prepare(question)
    monkeypatch.setattr(model, "context_length", length + 2)
    with pytest.raises(QuestionTooLong, match=r"Shorten it by about 1 tokens or clear the earlier turns\."):
        model.prepare(question)


@pytest.mark.parametrize("size", [(1, 1), (2, 150), (399, 2), (57, 56)])
def test_small_and_narrow_pictures_are_answered(model: TransformersModel, size: tuple[int, int]) -> None:
    answer = ask(model, Question("What?", (Image.new("RGB", size, "red"),), decoding=THREE))
    assert len(answer.tokens) == 3
    assert answer.layout.views[0].rows >= 1


def test_a_picture_like_a_thread_is_refused(model: TransformersModel) -> None:
    with pytest.raises(UnusableImage, match="2048 x 1 px"):
        model.prepare(Question("What?", (Image.new("RGB", (2048, 1)),)))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_other_modes_are_read_as_rgb(model: TransformersModel, picture: Image.Image, mode: str) -> None:
    assert ask(model, Question("What?", (picture.convert(mode),), decoding=THREE)).layout.views


@pytest.mark.parametrize("text", ["ما هذا؟ 🙂", "\x00\x07", "‮abc‬", "a\u0301" * 50, "<image><image>", "</s>"])
def test_strange_text_is_asked_like_any_other(model: TransformersModel, picture: Image.Image, text: str) -> None:
    answer = ask(model, Question(text, (picture,), decoding=THREE))
    assert len(answer.tokens) == 3
    assert answer.layout.positions(TokenKind.TEXT)


def test_questions_without_a_picture_are_answered(model: TransformersModel) -> None:
    answer = ask(model, Question("The dog is red. What color is the dog?", decoding=THREE))
    assert len(answer.tokens) == 3
    assert answer.layout.views == () and answer.layout.positions(TokenKind.IMAGE) == ()


def test_a_mask_of_everything_is_answered(model: TransformersModel, picture: Image.Image) -> None:
    mask = RegionMask(np.ones((80, 120), bool))
    assert len(ask(model, Question("What?", (picture,), decoding=THREE, masks=mask)).tokens) == 3


def test_every_refusal_is_of_one_kind() -> None:
    assert {EmptyQuestion, QuestionTooLong, UnusableImage} <= set(QuestionError.__subclasses__())
