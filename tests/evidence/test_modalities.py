"""Words of the question and patches of the picture erased together, against questions asked one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Explanation, Fill, Question, Target
from core.errors import NotApplicable
from core.evidence.modalities import evaluate_modalities, expected
from core.evidence.modality_result import ModalityEvidence
from core.evidence.modality_settings import ModalitySettings
from core.evidence.question_words import NEUTRAL, erased, question_words
from core.evidence.synergy import Synergy
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.street.draw import draw
from core.street.scene import sample
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel
from tests.eager import sampled
from tests.evidence.helpers import map_of, painted

FEW = ModalitySettings(steps=3, draws=1)


@pytest.fixture(scope="module")
def street() -> VisionLanguageModel:
    return load_model(EMBEDDED)


@pytest.fixture
def small() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8))


def scored(answer: Answer, target: Target, seed: int = 0) -> Explanation:
    """A map of different scores for words and patches alike."""
    rng = np.random.default_rng(seed)
    positions = [*answer.layout.question(), *(p for view in answer.layout.views for p in view.positions)]
    return map_of(answer, target, {position: float(rng.random()) for position in positions})


def spoken(answer: Answer) -> list[tuple[str, list[int]]]:
    """Each word of the question with its positions, by the blanks alone."""
    words: list[tuple[str, list[int]]] = []
    for position in answer.layout.question():
        text = answer.prompt_tokens[position]
        if not words or text[:1].isspace():
            words.append(("", []))
        words[-1] = (words[-1][0] + text, [*words[-1][1], position])
    return words


def asked(answer: Answer, way: str, fill: Fill, gone: set[int]) -> Question:
    """The question with some things gone: words by number, patches by number after them."""
    words, patches = spoken(answer), [p for view in answer.layout.views for p in view.positions]
    kept = []
    for number, (text, _) in enumerate(words):
        if number not in gone:
            kept.append(text)
        elif way == "replaced":
            kept.append(" ..." if text[0] == " " else "...")
    hidden = {patches[number - len(words)] for number in gone if number >= len(words)}
    pictures = answer.question.images
    if len(hidden) == len(patches):
        pictures = tuple(painted(answer, fill, True, set()))
    elif hidden:
        pictures = tuple(painted(answer, fill, False, hidden))
    return replace(answer.question, text="".join(kept).strip() or "...", images=pictures)


def logprob(model: VisionLanguageModel, answer: Answer, question: Question, target: Target) -> float:
    """By reading the prompt and the answer's tokens after it, one by one."""
    logits, state = model.begin(model.prepare(question))
    rows = []
    for token in answer.token_ids:
        rows.append(logits.double().log_softmax(-1))
        logits = model.step(token, state)
    rivals = target.rivals or (None,) * len(target.tokens)
    told = 0.0
    for index, rival in zip(target.tokens, rivals, strict=True):
        told += float(rows[index][answer.token_ids[index]]) - (0.0 if rival is None else float(rows[index][rival]))
    return told


def check(model: VisionLanguageModel, answer: Answer, explanation: Explanation, found: ModalityEvidence) -> None:
    """Every point of every curve, and the four corners, from the scores alone."""
    target, way, fill = explanation.target, str(found.settings["words"]), found.settings["fill"]
    words, patches = spoken(answer), [p for view in answer.layout.views for p in view.positions]
    score = [sum(float(explanation.scores[p]) for p in positions) for _, positions in words]
    score += [float(explanation.scores[p]) for p in patches]
    every = {
        "words": range(len(words)),
        "patches": range(len(words), len(score)),
        "both": range(len(score)),
    }
    assert found.words == tuple(text.strip() for text, _ in words) and found.patches == len(patches)
    assert found.over == ("words", "patches", "both")
    for curve in found.tested:
        order = sorted(every[curve.over], key=lambda thing: -score[thing])
        for count, value in zip(curve.counts, curve.values, strict=True):
            gone = order[:count] if curve.direction == "deletion" else order[count:]
            seen = logprob(model, answer, asked(answer, way, fill, set(gone)), target)  # type: ignore[arg-type]
            mean = seen / len(target.tokens)
            wanted = np.exp(mean) if target.rivals is None else 1 / (1 + np.exp(-mean))
            assert value == pytest.approx(wanted, rel=2e-3, abs=1e-6)
    corners = [set(), set(every["words"]), set(every["patches"]), set(every["both"])]
    read = [logprob(model, answer, asked(answer, way, fill, gone), target) for gone in corners]  # type: ignore[arg-type]
    told = found.synergy
    assert [told.both, told.picture, told.text, told.neither] == pytest.approx(read, abs=2e-3)
    assert told.value == pytest.approx(read[0] - read[1] - read[2] + read[3], abs=8e-3)


@pytest.mark.parametrize("way", ["removed", "replaced"])
def test_every_point_is_what_that_question_gives_alone(model: TransformersModel, small: Image.Image, way: str) -> None:
    answer = sampled(model, "the dog the cat?", small, tokens=2)
    explanation = scored(answer, Target((1,)))
    settings = replace(FEW, words=way)
    check(model, answer, explanation, evaluate_modalities(model, answer, explanation, settings=settings))


def test_a_contrast_of_several_tokens_on_the_model_that_comes_along(street: VisionLanguageModel) -> None:
    question = Question("What color is the house?", (draw(sample(7)).image,))
    answer = ask(street, question)
    target = Target((0, 2), (answer.token_ids[1], answer.token_ids[3]))
    explanation = scored(answer, target)
    found = evaluate_modalities(street, answer, explanation, settings=ModalitySettings(fill="blur", steps=2, draws=1))
    check(street, answer, explanation, found)


def test_random_orders_are_of_the_same_words_and_patches_and_stand_beside(
    llava: TransformersModel, small: Image.Image
) -> None:
    answer = sampled(llava, "the dog?", small, tokens=1)
    settings = replace(FEW, draws=3)
    one, other = (
        evaluate_modalities(llava, answer, scored(answer, Target((0,)), seed), settings=settings) for seed in (0, 1)
    )
    for over in one.over:
        assert one.chance(over, "deletion").shape == (3, len(one.curve(over, "deletion").counts))
        assert np.array_equal(one.chance(over, "insertion"), other.chance(over, "insertion"))
        assert one.areas(over, "deletion") == [
            float(np.trapezoid(values, one.curve(over, "deletion").shares)) for values in one.chance(over, "deletion")
        ]
    assert len(set(one.areas("both", "deletion"))) == 3


def test_a_map_that_scores_the_picture_alone_is_tested_over_patches_alone(
    llava: TransformersModel, small: Image.Image
) -> None:
    answer = sampled(llava, "the dog?", small, tokens=1)
    (explanation,) = explain(explainers()["occlusion_pixels"], llava, answer, [Target((0,))])
    found = evaluate_modalities(llava, answer, explanation, settings=FEW)
    assert found.over == ("patches",) and not np.isnan(found.synergy.value)


def test_a_stopped_test_tells_the_corners_first(llava: TransformersModel, small: Image.Image) -> None:
    answer, cancel = sampled(llava, "the dog?", small, tokens=1), CancelToken()
    explanation = scored(answer, Target((0,)))

    def stop(done: float) -> None:
        if done > 0.3:
            cancel.cancel()

    found = evaluate_modalities(llava, answer, explanation, settings=FEW, cancel=cancel, progress=stop)
    assert 0 < found.complete < 1 and not np.isnan(found.synergy.value)
    assert any(np.isnan(curve.values).any() for curve in found.tested)
    with pytest.raises(Cancelled):
        evaluate_modalities(llava, answer, explanation, settings=FEW, cancel=cancel)


def test_the_forecast_is_no_less_than_what_is_asked(
    llava: TransformersModel, small: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, calls = sampled(llava, "the dog?", small, tokens=1), []
    original = llava.continuation_logits
    monkeypatch.setattr(
        llava,
        "continuation_logits",
        lambda *given: (calls.append(1), original(*given))[1],  # type: ignore[func-returns-value]
    )
    evaluate_modalities(llava, answer, scored(answer, Target((0,))), settings=FEW)
    assert 0 < len(calls) <= expected(llava, answer, FEW).passes.count


def test_words_keep_what_clings_to_them_and_an_empty_question_is_a_neutral_token(llava: TransformersModel) -> None:
    answer = sampled(llava, "the dog?", Image.new("RGB", (40, 30)), tokens=1)
    words = question_words(answer)
    assert [word.text.strip() for word in words] == ["the", "dog?"]
    assert erased(answer.question, words, {0}, "removed").text == "dog?"
    assert erased(answer.question, words, {1}, "replaced").text == f"the {NEUTRAL}"
    assert erased(answer.question, words, {0, 1}, "removed").text == NEUTRAL
    assert erased(answer.question, words, (), "removed") is answer.question


def test_a_picture_among_the_words_is_refused(llava: TransformersModel) -> None:
    answer = sampled(llava, "the dog?", Image.new("RGB", (40, 30)), tokens=1)
    placed = replace(answer, question=replace(answer.question, text="another question"))
    with pytest.raises(NotApplicable, match="one by one"):
        question_words(placed)


def test_synergy_is_what_neither_gives_alone_and_the_parts_add_up() -> None:
    both_needed, either_enough = Synergy(-0.1, -4.0, -4.0, -4.0), Synergy(-0.1, -0.1, -0.1, -4.0)
    assert both_needed.value == pytest.approx(3.9) and either_enough.value == pytest.approx(-3.9)
    alone = Synergy(-0.5, -1.0, -2.5, -3.0)
    assert alone.value == pytest.approx(0) and (alone.of_picture, alone.of_text) == pytest.approx((2.0, 0.5))
    for told in (both_needed, either_enough, alone):
        assert told.of_picture + told.of_text == pytest.approx(told.both - told.neither)
