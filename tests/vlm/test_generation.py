"""Answers against transformers' own `generate`, and what streaming and stopping promise."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from core.answer import Decoding, Question, TokenKind, Turn
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask, measure, stream
from core.vlm.hf.network import TransformersModel
from core.vlm.sampling import probabilities

QUESTIONS = ("Where is the dog?", "What is the colour of the old house over there, and why?", "Hm")


@pytest.mark.parametrize("text", QUESTIONS)
def test_greedy_answers_equal_generate(model: TransformersModel, picture: Image.Image, text: str) -> None:
    question = Question(text, (picture,), history=(Turn("Is it?", "It is."),), decoding=Decoding(max_new_tokens=12))
    answer = ask(model, question)
    expected = model.network.generate(**answer.inputs, max_new_tokens=12, do_sample=False)
    length = answer.inputs["input_ids"].shape[1]
    assert list(answer.token_ids) == expected[0, length:].tolist()
    assert answer.finish == "length"


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 0.9), (1.5, 0.5)])
def test_sampled_answers_equal_generate_with_the_same_seed(
    model: TransformersModel, picture: Image.Image, temperature: float, top_p: float
) -> None:
    decoding = Decoding(max_new_tokens=10, temperature=temperature, top_p=top_p, seed=5)
    answer = ask(model, Question("Where is the dog?", (picture,), decoding=decoding))
    torch.manual_seed(5)
    expected = model.network.generate(
        **answer.inputs, max_new_tokens=10, do_sample=True, temperature=temperature, top_p=top_p, top_k=0
    )
    length = answer.inputs["input_ids"].shape[1]
    assert list(answer.token_ids) == expected[0, length:].tolist()


@given(
    seed=st.integers(0, 2**31),
    temperature=st.floats(0.05, 3.0),
    top_p=st.floats(0.01, 1.0),
    spread=st.floats(0.0, 8.0),
)
def test_tokens_are_drawn_from_the_distribution_of_the_warpers(
    seed: int, temperature: float, top_p: float, spread: float
) -> None:
    logits = torch.randn(50, generator=torch.Generator().manual_seed(seed)) * spread
    expected = TemperatureLogitsWarper(temperature)(None, logits[None])
    if top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    torch.testing.assert_close(probabilities(logits, temperature, top_p), expected[0].softmax(-1))


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(
    model: TransformersModel, picture: Image.Image
) -> None:
    def said(seed: int) -> tuple[int, ...]:
        decoding = Decoding(max_new_tokens=12, temperature=1.5, seed=seed)
        return ask(model, Question("Where?", (picture,), decoding=decoding)).token_ids

    assert said(1) == said(1)
    assert len({said(seed) for seed in range(4)}) > 1


def test_figures_are_of_the_raw_distribution_whatever_the_temperature(
    model: TransformersModel, picture: Image.Image
) -> None:
    decoding = Decoding(max_new_tokens=4, temperature=1.7, top_p=0.8, seed=3)
    answer = ask(model, Question("Where?", (picture,), decoding=decoding))
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids])], 1)
    inputs = {**answer.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, 4))
    with torch.no_grad():
        logits = model.network(**inputs).logits[0].double()
    start = answer.inputs["input_ids"].shape[1]
    for index, token in enumerate(answer.tokens):
        chances = logits[start + index - 1].softmax(-1)
        assert token.logprob == pytest.approx(float(chances[token.id].log()), abs=1e-4)
        assert token.entropy == pytest.approx(float(-(chances * chances.log()).sum()), abs=1e-3)
        best = chances.sort(descending=True)
        assert [option.id for option in token.alternatives] == best.indices[:10].tolist()
        assert [option.logprob for option in token.alternatives] == pytest.approx(
            best.values[:10].log().tolist(), abs=1e-3
        )


def test_a_certain_token_has_no_entropy() -> None:
    logits = torch.full((20,), float("-inf"))
    logits[3] = 1.0
    [figures] = measure([logits], [3])
    assert (figures.logprob, figures.entropy) == (0.0, 0.0)


def test_pieces_join_to_the_answer_and_never_hold_half_a_character(
    model: TransformersModel, picture: Image.Image
) -> None:
    for seed in range(6):
        decoding = Decoding(max_new_tokens=30, temperature=2.0, seed=seed)
        pieces: list[str] = []
        writing = stream(model, Question("Where?", (picture,), decoding=decoding))
        try:
            while True:
                pieces.append(next(writing))
        except StopIteration as stop:
            answer = stop.value
        assert "".join(pieces) == answer.text == "".join(token.text for token in answer.tokens)
        assert "\ufffd" not in answer.text
        assert all(pieces)


def test_an_end_token_ends_the_answer_and_is_not_part_of_it(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question("Where?", (picture,), decoding=Decoding(max_new_tokens=12, temperature=2.0, seed=2))
    longer = ask(model, question)
    monkeypatch.setattr(model, "end_ids", frozenset({longer.token_ids[5]}))
    first = longer.token_ids.index(longer.token_ids[5])
    answer = ask(model, question)
    assert answer.finish == "end"
    assert answer.token_ids == longer.token_ids[:first]
    assert len(answer.layout.positions(TokenKind.ANSWER)) == first


def test_no_answer_holds_a_token_that_stands_for_a_picture(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = model.network.config.image_token_id
    assert image in model.image_marker_ids
    question = Question("Where?", (picture,), decoding=Decoding(max_new_tokens=4))
    begin, step = model.begin, model.step
    # The network would say nothing else.
    monkeypatch.setattr(model, "begin", lambda *args, **named: _preferring(image, *begin(*args, **named)))
    monkeypatch.setattr(model, "step", lambda *args: _preferring(image, step(*args))[0])
    answer = ask(model, question)
    assert len(answer.tokens) == 4 and image not in answer.token_ids
    assert {token.alternatives[0].id for token in answer.tokens} == {image}, "what it would have said is told"
    assert len(model.replay_logits(answer)) == 4


def _preferring(token: int, logits: torch.Tensor, *more: object) -> tuple[object, ...]:
    return logits.index_fill(0, torch.tensor([token]), 99.0), *more


def test_an_answer_that_ends_at_once_is_empty(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question("Where?", (picture,))
    monkeypatch.setattr(model, "end_ids", frozenset(range(model.card.vocabulary)))
    answer = ask(model, question)
    assert (answer.text, answer.tokens, answer.finish, answer.words()) == ("", (), "end", ())


def test_stopping_returns_what_was_said_so_far(model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where?", (picture,), decoding=Decoding(max_new_tokens=40, temperature=1.0, seed=1))
    cancel = CancelToken()
    writing = stream(model, question, cancel=cancel)
    said = next(writing)
    cancel.cancel()
    with pytest.raises(StopIteration) as stop:
        while True:
            said += next(writing)
    answer = stop.value.value
    assert answer.finish == "stopped"
    assert answer.text == said
    assert 1 <= len(answer.tokens) < 40
    assert answer.attention is not None and answer.attention.weights.shape[2] == len(answer.tokens)


def test_an_answer_cancelled_before_it_began_runs_nothing(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = CancelToken()
    cancel.cancel()
    monkeypatch.setattr(model, "begin", lambda *_: pytest.fail("the network ran"))
    assert ask(model, Question("Where?", (picture,)), cancel=cancel).finish == "stopped"
    with pytest.raises(Cancelled):
        cancel.check()


def test_between_pieces_and_after_closing_the_model_is_free(model: TransformersModel, picture: Image.Image) -> None:
    def can_take_lock() -> bool:
        taken: list[bool] = []

        def take() -> None:
            taken.append(model.lock.acquire(timeout=0.5))
            if taken[0]:
                model.lock.release()

        other = threading.Thread(target=take)
        other.start()
        other.join()
        return taken[0]

    writing = stream(model, Question("Where?", (picture,), decoding=Decoding(temperature=1.0)))
    next(writing)
    assert can_take_lock()
    writing.close()
    assert can_take_lock()


def test_an_answer_does_not_outgrow_the_context(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch, picture: Image.Image
) -> None:
    length = len(model.prepare(Question("Where?", (picture,))).ids)
    monkeypatch.setattr(model, "context_length", length + 5)
    answer = ask(model, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=5)))
    assert len(answer.layout) == length + 5


def test_a_mask_changes_the_answer_as_painting_the_picture_does(model: TransformersModel, picture: Image.Image) -> None:
    from core.answer import RegionMask

    hidden = np.zeros((80, 120), bool)
    hidden[20:60, 40:90] = True
    painted = np.asarray(picture).copy()
    painted[hidden] = 0
    decoding = Decoding(max_new_tokens=5)
    masked = ask(model, Question("Where?", (picture,), decoding=decoding, masks=RegionMask(hidden)))
    expected = ask(model, Question("Where?", (Image.fromarray(painted),), decoding=decoding))
    plain = ask(model, Question("Where?", (picture,), decoding=decoding))
    assert [token.logprob for token in masked.tokens] == [token.logprob for token in expected.tokens]
    assert [token.logprob for token in masked.tokens] != [token.logprob for token in plain.tokens]
