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
from core.vlm.hf.capture import recording
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.row_recorder import RowRecorder
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
    recorder = RowRecorder(model.card.layers, 1, 100)
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


def test_rows_stay_where_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(passes: int) -> RowRecorder:
        recorder = RowRecorder(2, 8, 100)
        for number in range(passes):
            with recording(recorder):
                for layer in range(2):
                    recorder.add(layer, torch.full((3, 10 + number), 0.1))
        return recorder

    recorder = written(2)
    rows = recorder.rows(2, 12)
    assert rows is not None and recorder._memory is not None
    assert rows.weights.data_ptr() == recorder._memory.data_ptr() and rows.weights.dtype == torch.float32
    assert rows.weights.count_nonzero(-1)[0, 0].tolist() == [10, 11]
    monkeypatch.setattr("core.vlm.hf.row_recorder.EXACT_BYTES", 1)
    half = written(2).rows(2, 12)
    assert half is not None and half.weights.dtype == torch.float16
    # Two tokens of two layers, three heads and a hundred keys take 2400 bytes: of three, the first gives way.
    monkeypatch.setattr("core.vlm.hf.row_recorder.available_bytes", lambda device: 4 * 2400)
    both, last = written(2).rows(2, 12), written(3).rows(3, 13)
    assert both is not None and both.has((0, 1))
    assert last is not None and last.has((1, 2)) and not last.has((0,))
    assert [int(last.of((token,))[0, 0, 0].count_nonzero()) for token in (1, 2)] == [11, 12]  # type: ignore[index]
