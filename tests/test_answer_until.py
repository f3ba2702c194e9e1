"""An answer's beginning is an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.answer import Answer, AnswerToken, Decoding, Question
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled


@pytest.mark.parametrize("index", [1, 3])
def test_it_is_what_fewer_tokens_would_have_been(model: TransformersModel, picture: Image.Image, index: int) -> None:
    question = Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=5, temperature=1.2, seed=3))
    cut = ask(model, question).until(index)
    shorter = ask(model, replace(question, decoding=replace(question.decoding, max_new_tokens=index)))
    assert (cut.token_ids, cut.finish) == (shorter.token_ids, shorter.finish)
    assert (cut.layout, cut.texts) == (shorter.layout, shorter.texts)
    assert cut.text == "".join(token.text for token in cut.tokens)
    assert cut.attention is not None and shorter.attention is not None
    torch.testing.assert_close(cut.attention.weights, shorter.attention.weights, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(model.replay_logits(cut), model.replay_logits(shorter), atol=1e-5, rtol=1e-4)


def test_nothing_of_it_is_an_empty_answer(model: TransformersModel, picture: Image.Image) -> None:
    nothing = sampled(model, "the dog?", picture).until(0)
    assert (nothing.tokens, nothing.text, len(nothing.layout)) == ((), "", len(nothing.prompt_tokens))
    assert nothing.attention is not None and nothing.attention.weights.shape[2:] == (0, len(nothing.prompt_tokens))


@pytest.mark.parametrize("more", [0, 1, 9])
def test_an_answer_that_ended_before_stays_as_it_ended(
    model: TransformersModel, picture: Image.Image, more: int
) -> None:
    answer = replace(sampled(model, "the dog?", picture, tokens=3), finish="end")
    assert answer.until(3 + more) is answer


def test_there_is_nothing_before_the_beginning(model: TransformersModel) -> None:
    with pytest.raises(ValueError, match="before its beginning"):
        sampled(model, "the dog?").until(-1)


def written(model: TransformersModel, text: str) -> Answer:
    """An answer whose tokens are those of some text."""
    answer = sampled(model, "the dog?", tokens=1)
    ids = model.continuation(answer.question, text)
    tokens = tuple(
        AnswerToken(token, piece, 0.0, 0.0, ()) for token, piece in zip(ids, model.reader.texts(ids), strict=True)
    )
    layout = answer.layout.until(len(answer.prompt_tokens)).with_answer(len(ids))
    return replace(answer, text=text, tokens=tokens, layout=layout, attention=None)


def test_characters_of_several_tokens_are_cut_with_their_tokens(llava: TransformersModel) -> None:
    answer = written(llava, "a€né")
    # One token a byte: the euro sign has three, e with an acute accent two.
    assert [token.text for token in answer.tokens] == ["a", "€", "", "", "n", "é", ""]
    assert [answer.until(index).text for index in range(8)] == ["", "a", "a€", "a€", "a€", "a€n", "a€né", "a€né"]
    for index in range(8):
        cut = answer.until(index)
        assert cut.token_ids == answer.token_ids[:index]
        assert len(cut.texts) == len(cut.layout)
