"""Questions that cannot be asked get a sentence; strange ones that can be asked get an answer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question, RegionMask, Target, TokenKind, Turn
from core.attention.words import question_words
from core.errors import EmptyQuestion, QuestionError, QuestionTooLong, UnusableImage
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.generation import ask, stream
from core.vlm.hf import network
from core.vlm.hf.network import TransformersModel
from tests.families import saver
from tests.generate import generated
from tests.zoo import load

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
    with pytest.raises(QuestionTooLong, match=r"Shorten it by about 1 token or clear the earlier turns\."):
        model.prepare(question)


@pytest.mark.parametrize("size", [(1, 1), (2, 150), (399, 2), (57, 56)])
def test_small_and_narrow_pictures_are_answered(model: TransformersModel, size: tuple[int, int]) -> None:
    answer = ask(model, Question("What?", (Image.new("RGB", size, "red"),), decoding=THREE))
    assert len(answer.tokens) == 3
    assert answer.layout.views[0].rows >= 1


def test_a_picture_like_a_thread_is_refused(model: TransformersModel) -> None:
    with pytest.raises(UnusableImage, match="2048 x 1 px"):
        model.prepare(Question("What?", (Image.new("RGB", (2048, 1)),)))


@pytest.mark.parametrize("name", ["glm46v", "paddleocr_vl", "qwen2_5_vl"])
def test_a_narrow_picture_of_few_pixels_is_answered_as_transformers_does(name: str, tmp_path: Path) -> None:
    saver(name)(tmp_path)
    file = tmp_path / "preprocessor_config.json"
    settings = json.loads(file.read_text())
    few = {"shortest_edge": 28 * 14, "longest_edge": 28 * 14}
    file.write_text(json.dumps({**settings, "size": few, "min_pixels": 28 * 14, "max_pixels": 28 * 14}))
    model = load(tmp_path)
    for size in ((31, 639), (639, 31), (13, 639)):
        answer = ask(model, Question("What is it?", (Image.new("RGB", size, (90, 180, 30)),), decoding=THREE))
        prompt, logprobs = generated(model, answer.question)
        assert answer.inputs["input_ids"][0].tolist() == prompt
        for token, row in zip(answer.tokens, logprobs, strict=False):
            assert token.logprob == pytest.approx(float(row[token.id]), abs=1e-5)


def test_a_picture_of_which_nothing_is_left_is_refused(tmp_path: Path, picture: Image.Image) -> None:
    """Two patches in each direction become one image token, and the picture is shrunk to one patch across."""
    model = load(saver("lighton_ocr")(tmp_path))
    narrow = Image.new("RGB", (31, 639), (90, 180, 30))
    with pytest.raises(UnusableImage, match=r"31 x 639 px\) is left at the size .* no image token .* Crop it"):
        model.prepare(Question("What is it?", (narrow,)))
    with pytest.raises(UnusableImage, match=r"vision tower .* fails on the picture \(120 x 80 px, 31 x 639 px"):
        ask(model, Question("What is it?", (picture, narrow)))


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


@pytest.mark.parametrize("places", [(8, 13), (20, 20)])
def test_pictures_within_the_words_are_answered_as_generate_does_whatever_was_asked_before(
    model: TransformersModel, picture: Image.Image, places: tuple[int, int]
) -> None:
    images = (picture, picture.rotate(90, expand=True))
    asked = Question("Compare with and so.", images, images_at=places, decoding=THREE)
    ids, logprobs = generated(model, asked)
    for before in ((), (Question("Compare with and so.", images, decoding=THREE),), (asked,)):
        model.forget()
        for question in before:
            ask(model, question)
        answer = ask(model, asked)
        assert answer.inputs["input_ids"][0].tolist() == ids
        expected = logprobs[range(len(answer.tokens)), list(answer.token_ids)]
        assert [token.logprob for token in answer.tokens] == pytest.approx(expected.tolist(), abs=1e-4)


def test_pictures_within_the_words_have_their_maps_and_their_words(
    model: TransformersModel, picture: Image.Image
) -> None:
    images = (picture, picture.rotate(90, expand=True))
    answer = ask(model, Question("Compare with and so.", images, images_at=(8, 13), decoding=THREE))
    assert "".join(word.text for word in question_words(answer)).split() == ["Compare", "with", "and", "so."]
    (explanation,) = explain(explainers()["relevancy"], model, answer, [Target((1,))])
    for view in answer.layout.views:
        assert explanation.scores[list(view.positions)].abs().sum() > 0
