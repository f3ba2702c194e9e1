"""Recorded attention rows against the full matrices of transformers' eager attention."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from core.answer import Answer, Decoding, Question, Turn
from core.vlm.generation import ask
from core.vlm.hf.capture import RowRecorder, recording
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from tests.zoo import save_llava

SIX = Decoding(max_new_tokens=6)


def eager_rows(folder: Path, answer: Answer) -> torch.Tensor:
    """(layers, heads, answer, key) of a second, eager network that reads the whole sequence at once."""
    network = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager").eval()
    more = torch.tensor([answer.token_ids])
    inputs = {**answer.inputs, "input_ids": torch.cat([answer.inputs["input_ids"], more], 1)}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], 1)
    with torch.no_grad():
        attentions = network(**inputs, output_attentions=True).attentions
    first = answer.inputs["input_ids"].shape[1] - 1
    return torch.stack([layer[0, :, first : first + len(answer.tokens)] for layer in attentions])


def test_recorded_rows_are_those_of_eager_attention(
    model: TransformersModel, picture: Image.Image, request: pytest.FixtureRequest
) -> None:
    folder = Path(model.card.source)
    asked = (
        Question("Where is the dog?", (picture,), decoding=SIX),
        Question("And the cat, the other one?", (picture,), decoding=SIX),  # over the kept prefix
        Question("What is it?", (picture,), history=(Turn("Where?", "There."),), decoding=SIX),
        Question("Only words here.", decoding=SIX),
    )
    for question in asked:
        answer = ask(model, question)
        assert answer.attention is not None
        torch.testing.assert_close(answer.attention.weights, eager_rows(folder, answer), atol=1e-5, rtol=1e-4)


def test_rows_respect_a_sliding_window(tmp_path: Path, picture: Image.Image) -> None:
    folder = save_llava(tmp_path, model_type="mistral", num_key_value_heads=2, sliding_window=8)
    model = load_model(ModelSpec(str(folder), device="cpu"))
    answer = ask(model, Question("Where is the dog?", (picture,), decoding=SIX))
    assert answer.attention is not None
    weights = answer.attention.weights
    assert int((weights[0, 0, 0] > 0).sum()) == 8
    torch.testing.assert_close(weights, eager_rows(folder, answer), atol=1e-5, rtol=1e-4)


def test_rows_are_probabilities_over_what_stood_before(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, Question("Where?", (picture,), decoding=SIX))
    assert answer.attention is not None
    weights, prompt = answer.attention.weights, len(answer.prompt_tokens)
    assert weights.shape == (model.card.layers, model.card.heads, 6, len(answer.layout))
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:3]))
    for token in range(6):
        assert bool((weights[:, :, token, prompt + token :] == 0).all())


def test_recording_does_not_change_the_answer(model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where?", (picture,), decoding=SIX)
    with_rows, without = ask(model, question), ask(model, question, keep_attention=False)
    assert without.attention is None
    assert [token.logprob for token in with_rows.tokens] == [token.logprob for token in without.tokens]


def test_nothing_is_recorded_outside_the_block_or_in_another_thread(
    model: TransformersModel, picture: Image.Image
) -> None:
    prepared = model.prepare(Question("Where?", (picture,)))
    recorder = RowRecorder(model.card.layers)
    with recording(recorder):
        other = threading.Thread(target=lambda: model.network(input_ids=torch.tensor([[5, 6]])))
        other.start()
        other.join()
    model.begin(prepared)
    assert recorder.rows(1, 100) is None


def test_two_threads_record_their_own_rows(model: TransformersModel, picture: Image.Image) -> None:
    questions = [Question(text, (picture,), decoding=SIX) for text in ("Where is it?", "What else do you see there?")]
    alone = [ask(model, question) for question in questions]
    together: dict[int, Answer] = {}

    def run(index: int) -> None:
        together[index] = ask(model, questions[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        got = together[index]
        assert got.token_ids == expected.token_ids
        assert got.attention is not None and expected.attention is not None
        torch.testing.assert_close(got.attention.weights, expected.attention.weights, atol=1e-5, rtol=1e-4)
