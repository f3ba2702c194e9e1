"""Positions: no answer depends on what was asked before it or beside it, whatever a network keeps of how it counted."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind, Turn
from core.vlm.generation import ask, stream
from core.vlm.hf.families._counted import counted_by
from core.vlm.hf.network import TransformersModel
from core.vlm.parting import parting
from core.vlm.replay import replay_difference
from core.vlm.scoring import score
from tests.families import saver
from tests.generate import generated
from tests.zoo import load, save_deepstack, save_llava

SHORT = Decoding(max_new_tokens=4)
ROTARY = (
    "cohere_compass",
    "cosmos3_edge",
    "cosmos3_omni",
    "ernie4_5_vl_moe",
    "glm46v",
    "glm4v_moe",
    "glm_ocr",
    "hunyuan_vl",
    "minicpmv4_7",
    "paddleocr_vl",
    "qwen3_5",
    "qwen3_vl_moe",
    "qwen4_exp",
)
"""Whose networks keep how they counted the positions of the last prompt, whoever describes them."""


@pytest.fixture(scope="module", params=ROTARY)
def rotary(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(saver(request.param)(tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module", params=["qwen", "qwen2_vl", "deepstack"])
def declared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    if request.param == "qwen":
        model: TransformersModel = request.getfixturevalue("qwen")
        return model
    save = saver("qwen2_vl") if request.param == "qwen2_vl" else save_deepstack
    return load(save(tmp_path_factory.mktemp(request.param)))


_expected: dict[tuple[str, str], tuple[list[int], torch.Tensor]] = {}


def assert_generated(model: TransformersModel, answer: Answer) -> None:
    key = model.card.source, answer.question.fingerprint()
    if key not in _expected:
        _expected[key] = generated(model, answer.question)
    prompt, logprobs = _expected[key]
    assert answer.inputs["input_ids"][0].tolist() == prompt
    assert answer.tokens
    for token, row in zip(answer.tokens, logprobs, strict=False):
        assert token.logprob == pytest.approx(float(row[token.id]), abs=1e-5)


def asked(picture: Image.Image) -> tuple[Question, ...]:
    """A landscape and words alone, a portrait beside it, and a turn that follows."""
    both = (picture, picture.resize((60, 200)))
    return (
        Question("What is this?", (picture,), decoding=SHORT),
        Question("What is this?", decoding=SHORT),
        Question("Where is it?", both, decoding=SHORT),
        Question("Is it the same?", both, history=(Turn("Where is it?", "a door"),), decoding=SHORT),
    )


def test_answers_are_what_transformers_generates_in_any_order(rotary: TransformersModel, picture: Image.Image) -> None:
    rotary.forget()
    questions = asked(picture)
    for answer in [ask(rotary, question) for question in (*questions, *reversed(questions))]:
        assert_generated(rotary, answer)


def test_answers_written_in_turn_do_not_change_each_other(rotary: TransformersModel, picture: Image.Image) -> None:
    streams = [stream(rotary, question) for question in asked(picture)]
    answers: list[Answer] = []
    while streams:
        for one in tuple(streams):
            try:
                next(one)
            except StopIteration as stop:
                answers.append(stop.value)
                streams.remove(one)
    for answer in answers:
        assert_generated(rotary, answer)


def test_what_is_computed_of_an_answer_does_not_change_with_what_was_asked_since(
    rotary: TransformersModel, picture: Image.Image
) -> None:
    image, text = (ask(rotary, question) for question in asked(picture)[:2])
    for answer, other in ((text, image), (image, text)):
        ask(rotary, other.question)
        said = [token.logprob for token in answer.tokens]
        assert score(rotary, answer.question, answer.token_ids).logprobs == pytest.approx(said, abs=1e-5)
        for logits in (rotary.replay_logits(answer), _unembedded(rotary, answer)):
            logprobs = logits.log_softmax(-1)
            assert [float(row[token]) for row, token in zip(logprobs, answer.token_ids, strict=True)] == pytest.approx(
                said, abs=1e-5
            )


def test_two_threads_do_not_change_each_others_answers(qwen3_vl_moe: TransformersModel, picture: Image.Image) -> None:
    questions = asked(picture)[:2]
    ready = Barrier(len(questions))

    def in_step(question: Question) -> Answer:
        pieces = stream(qwen3_vl_moe, question)
        while True:
            with suppress(BrokenBarrierError):
                ready.wait(timeout=0.2)
            try:
                next(pieces)
            except StopIteration as stop:
                answer: Answer = stop.value
                return answer

    with ThreadPoolExecutor(len(questions)) as pool:
        answers = list(pool.map(in_step, questions))
    for answer in answers:
        assert_generated(qwen3_vl_moe, answer)


@pytest.fixture(scope="module")
def qwen3_vl_moe(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(saver("qwen3_vl_moe")(tmp_path_factory.mktemp("threads")))


def assert_counted(model: TransformersModel, question: Question) -> None:
    """A prompt's positions are those of `generate`, whose first axis may be the order of the tokens, which no family
    need give."""
    prepared = model.prepare(question)
    counted = counted_by(model.network, prepared.inputs)
    assert prepared.positions is not None and counted is not None
    order, turned = counted[: -len(prepared.positions)], counted[-len(prepared.positions) :]
    assert torch.equal(turned, prepared.positions)
    assert len(order) == 0 or torch.equal(order, torch.arange(len(prepared.ids))[None])


def test_what_a_family_declares_is_what_its_network_counts(declared: TransformersModel, picture: Image.Image) -> None:
    for question in asked(picture):
        assert_counted(declared, question)


def test_whoever_counts_counts_as_for_generate(rotary: TransformersModel, picture: Image.Image) -> None:
    for question in asked(picture):
        assert_counted(rotary, question)


def test_declared_families_answer_what_transformers_generates_in_any_order(
    declared: TransformersModel, picture: Image.Image
) -> None:
    declared.forget()
    questions = asked(picture)
    for answer in [ask(declared, question) for question in (*questions, *reversed(questions))]:
        assert_generated(declared, answer)


SHAPES: Sequence[Sequence[tuple[int, int]]] = [[(300, 90)], [(90, 300)], [(200, 60), (60, 200)], [(60, 200), (200, 60)]]


@pytest.mark.parametrize("sizes", SHAPES)
def test_a_turn_that_follows_over_a_kept_prefix_is_what_transformers_generates(
    declared: TransformersModel, picture: Image.Image, sizes: Sequence[tuple[int, int]]
) -> None:
    declared.forget()
    images = tuple(picture.resize(size) for size in sizes)
    history: tuple[Turn, ...] = ()
    for text in ("Where is it?", "Is it the door?", "What is this?"):
        answer = ask(declared, Question(text, images, history=history, decoding=SHORT))
        assert_generated(declared, answer)
        history = (*history, Turn(text, "a door"))


def test_what_a_short_prompt_left_is_not_used_by_a_long_one_whose_keys_turn_otherwise(
    picture: Image.Image, tmp_path: Path
) -> None:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": [1.0] * 8,
        "long_factor": [4.0] * 8,
        "original_max_position_embeddings": 64,
        "factor": 16.0,
    }
    decoder = {"model_type": "phi3", "num_key_value_heads": 2, "original_max_position_embeddings": 64}
    model = load(save_llava(tmp_path, **decoder, rope_parameters=rope))
    for text in ("Is it?", "What is this thing that is there? " * 4, "Is it?"):
        answer = ask(model, Question(text, (picture,), decoding=SHORT))
        assert_generated(model, answer)
        assert replay_difference(model, answer) < 1e-5
    short = ask(model, Question("Is it?", (picture,), decoding=SHORT))
    assert parting(model, short) is None
    left = 64 - len(short.prompt_tokens)
    crossing = ask(model, Question("Is it?", (picture,), decoding=Decoding(max_new_tokens=left + 6)))
    assert_generated(model, crossing)
    parts = parting(model, crossing)
    assert parts is not None and parts.turned == left + 1
    assert "longer than 64 tokens" in (parts.sentence(crossing) or "")
    before = replace(crossing, tokens=crossing.tokens[: left + 1])
    assert replay_difference(model, before) < 1e-5 < replay_difference(model, crossing)


@pytest.mark.parametrize("name", ["gemma3", "glm46v", "internvl", "qwen2_5_vl"])
def test_two_pictures_after_a_long_system_prompt_are_read_as_transformers_does(
    name: str, picture: Image.Image, tmp_path: Path
) -> None:
    saver(name)(tmp_path)
    template = tmp_path / "chat_template.jinja"
    template.write_text("You say what there is, and nothing else. " * 12 + template.read_text())
    model = load(tmp_path)
    for question in asked(picture)[2:]:
        answer = ask(model, question)
        assert_generated(model, answer)
        expected = [token.logprob for token in answer.tokens]
        assert score(model, question, answer.token_ids).logprobs == pytest.approx(expected, abs=1e-5)
        assert replay_difference(model, answer) < 1e-5
        views = answer.layout.views
        assert sum(len(view.positions) for view in views) in (0, len(answer.layout.positions(TokenKind.IMAGE)))
        # What a picture is shown of stands in its own sequence, the second after the first.
        assert [view.image for view in views] == sorted(view.image for view in views)


def _unembedded(model: TransformersModel, answer: Answer) -> torch.Tensor:
    final = model.checkpointed(answer).final
    first = len(answer.prompt_tokens) - 1
    with torch.no_grad():
        return model.unembed(final[first : first + len(answer.tokens)]).float()
