"""Scores against one plain forward pass for each answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Decoding, Question, RegionMask, Turn
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score, score_many


def plain_logprobs(model: TransformersModel, question: Question, ids: tuple[int, ...]) -> np.ndarray:
    """One uncached pass through the network as the library offers it, in full."""
    inputs = model.prepare(question).inputs
    start = inputs["input_ids"].shape[1]
    whole = torch.cat([inputs["input_ids"], torch.tensor([ids])], 1)
    inputs = {**inputs, "input_ids": whole, "attention_mask": torch.ones_like(whole)}
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, len(ids)))
    with torch.no_grad():
        logprobs = model.network(**inputs, use_cache=False).logits[0].log_softmax(-1)
    return np.array([float(logprobs[start + index - 1, token]) for index, token in enumerate(ids)])


def test_a_batch_of_different_lengths_equals_one_pass_each(model: TransformersModel, picture: Image.Image) -> None:
    hidden = np.zeros((80, 120), bool)
    hidden[:, :60] = True
    history = (Turn("Who is it?", "The dog."),)
    other = picture.resize((70, 140))
    pairs = [
        (Question("Where is the dog?", (picture,)), "The dog is there."),
        (Question("Where is the dog?", (picture,)), "No"),
        (Question("Is the very old house over there the one with the open door?", (picture,)), "a a a a a a"),
        (Question("Is it?", (picture,), masks=RegionMask(hidden)), "The dog is there."),
        (Question("Is it?", (picture,), history=history), "Yes."),
        (Question("Why?", (picture,), history=history), "Because it is a dog, and dogs are there."),
        (Question("Where is the dog?", (other,)), "The dog is there."),
        (Question("No picture, only words?"), "The dog is there."),
        (Question("Is it?", (picture, other)), "Two"),
    ]
    scores = score_many(model, pairs)
    for (question, text), own in zip(pairs, scores, strict=True):
        assert "".join(own.tokens) == text
        np.testing.assert_allclose(own.logprobs, plain_logprobs(model, question, own.token_ids), atol=1e-4)


def test_an_answer_scores_as_it_was_said(model: TransformersModel, picture: Image.Image) -> None:
    for seed in range(3):
        decoding = Decoding(max_new_tokens=9, temperature=1.3, seed=seed)
        answer = ask(model, Question("Where is the dog?", (picture,), decoding=decoding))
        own = score(model, answer.question, answer.token_ids)
        assert own.token_ids == answer.token_ids
        assert own.tokens == tuple(token.text for token in answer.tokens)
        np.testing.assert_allclose(own.logprobs, [token.logprob for token in answer.tokens], atol=1e-4)


def test_the_size_of_a_batch_changes_nothing(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ("Where?", "What is the dog?", "Is it the house over there?", "Who?", "Which of them is it?")
    pairs = [(Question(text, (picture,)), "It is a dog."[: 4 + index]) for index, text in enumerate(texts)]
    together = score_many(model, pairs)
    monkeypatch.setattr(model, "rows_at_once", lambda *_: 2)
    for first, second in zip(together, score_many(model, pairs), strict=True):
        np.testing.assert_allclose(first.logprobs, second.logprobs, atol=1e-4)


def test_little_memory_makes_small_batches(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = model.prepare(Question("Where?", (picture,)))
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 8 * 2**20)
    few = model.rows_at_once(prepared, 20)
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 0)
    none = model.rows_at_once(prepared, 20)
    assert none == 1 < few < 64


def test_an_empty_answer_and_no_answers_score_nothing(model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where?", (picture,))
    first, second = score_many(model, [(question, ""), (question, "Yes")])
    assert (first.token_ids, first.tokens, first.logprobs.shape) == ((), (), (0,))
    assert len(second.token_ids) > 0
    assert score_many(model, []) == []


def test_scoring_stops_when_asked(model: TransformersModel, picture: Image.Image) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        score_many(model, [(Question("Where?", (picture,)), "Yes")], cancel=cancel)


def test_strangers_are_not_scored_in_one_batch(model: TransformersModel, picture: Image.Image) -> None:
    prepared = [model.prepare(Question("Where?", (image,))) for image in (picture, picture.rotate(180))]
    with pytest.raises(ValueError, match="share"):
        model.continuation_logits(prepared, [[5], [6]])
