"""Answers whose tokens are chosen by several sequences, against a plain loop over whole forward passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from PIL import Image
from torch import Tensor

from core.answer import Answer, Decoding, Question
from core.remedies._contrast import contrasted, plausible
from core.remedies.mutual_information import (
    MutualInformation,
    MutualInformationSettings,
    in_words_alone,
    weighed_by_information,
)
from core.remedies.run import try_remedy
from core.remedies.visual_contrast import VisualContrast, VisualContrastSettings, without_picture
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.guiding import Guide
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_network, whole_inputs

QUESTIONS = ("Where is the the the dog?", "Is it?")
TOKENS = 6


def plain_loop(
    model: TransformersModel, questions: Sequence[Question], choose: Callable[[int, list[Tensor]], int]
) -> list[int]:
    """Greedy tokens, each from a whole eager pass over everything so far, once for every question."""
    network = eager_network(model.card.source)
    prepared = [ask(model, question) for question in questions]  # for the inputs of their prompts
    ids: list[int] = []
    while len(ids) < TOKENS:
        logits = []
        for one in prepared:
            with torch.no_grad():
                logits.append(network(**whole_inputs(one, ids), use_cache=False).logits[0, -1])
        token = choose(len(ids), logits)
        if token in model.end_ids:
            break
        ids.append(token)
    return ids


def never(model: TransformersModel, logits: Tensor) -> Tensor:
    """Logits without the tokens that stand for pictures."""
    logits = logits.clone()
    logits[[token for token in model.image_marker_ids if token < len(logits)]] = -math.inf
    return logits


def asked_of(picture: Image.Image, text: str) -> Question:
    return Question(text, (picture,), decoding=Decoding(max_new_tokens=TOKENS))


@pytest.mark.parametrize("text", QUESTIONS)
@pytest.mark.parametrize(("against", "alpha", "share"), [("noised", 1.0, 0.1), ("black", 4.0, 0.0), ("mean", 2.0, 0.9)])
def test_visual_contrast_is_the_papers_formula_over_whole_passes(
    model: TransformersModel, picture: Image.Image, text: str, against: str, alpha: float, share: float
) -> None:
    question = asked_of(picture, text)
    answer = ask(model, question)
    settings = VisualContrastSettings(against, alpha, share, 900)

    def choose(token: int, logits: list[Tensor]) -> int:
        own, other = logits
        chances = own.softmax(-1)
        scores = never(model, (1 + alpha) * own - alpha * other)
        allowed = [i for i in range(len(own)) if chances[i] >= share * chances.max()]
        return max(allowed, key=lambda i: float(scores[i]))

    expected = plain_loop(model, [question, without_picture(question, against, 900)], choose)
    tried = try_remedy(model, answer, VisualContrast(), settings)
    assert tried.answer is not None and list(tried.answer.token_ids) == expected


@pytest.mark.parametrize("text", QUESTIONS)
def test_mutual_information_grows_along_the_answer(llava: TransformersModel, picture: Image.Image, text: str) -> None:
    question = asked_of(picture, text)
    answer = ask(llava, question)

    def choose(token: int, logits: list[Tensor]) -> int:
        own, alone = (one.log_softmax(-1) for one in logits)
        kept = math.exp(-0.7 * (token + 1))
        scores = never(llava, own + (1 - kept) / kept * (own - alone))
        allowed = [i for i in range(len(own)) if own[i] >= own.max() + math.log(0.05)]
        return max(allowed, key=lambda i: float(scores[i]))

    expected = plain_loop(llava, [question, in_words_alone(question)], choose)
    tried = try_remedy(llava, answer, MutualInformation(), MutualInformationSettings(0.7, 1.0, 0.05))
    assert tried.answer is not None and list(tried.answer.token_ids) == expected


def test_no_strength_is_the_models_own_answer(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, asked_of(picture, "Where is the dog?"))
    for remedy, settings in (
        (VisualContrast(), VisualContrastSettings(alpha=0.0)),
        (MutualInformation(), MutualInformationSettings(decay=0.0, sure=1.0)),
        (MutualInformation(), MutualInformationSettings(decay=3.0, sure=0.0)),
    ):
        tried = try_remedy(model, answer, remedy, settings)
        assert tried.answer is not None and tried.answer.token_ids == answer.token_ids


def test_what_is_measured_stays_the_models_own(model: TransformersModel, picture: Image.Image) -> None:
    question = asked_of(picture, "Where is the dog?")
    seen: list[Tensor] = []

    def turned(token: int, own: Tensor, others: Sequence[Tensor]) -> Tensor:
        seen.append(own)
        return -own

    answer = ask(model, question, guide=Guide((), turned))
    logits = model.replay_logits(answer)
    for index, token in enumerate(answer.tokens):
        assert token.logprob == pytest.approx(float(logits[index].log_softmax(-1)[token.id]), abs=1e-3)
        torch.testing.assert_close(seen[index], logits[index], atol=1e-3, rtol=1e-3)
    assert ask(model, question).token_ids != answer.token_ids


def test_one_plausible_token_is_chosen_and_not_refused(llava: TransformersModel, picture: Image.Image) -> None:
    answer = ask(llava, asked_of(picture, "Is it?"))
    tried = try_remedy(llava, answer, VisualContrast(), VisualContrastSettings(alpha=5.0, share=1.0))
    assert tried.answer is not None and tried.answer.token_ids == answer.token_ids


def test_a_guided_answer_can_be_stopped(llava: TransformersModel, picture: Image.Image) -> None:
    cancel = CancelToken()

    def stopping(token: int, own: Tensor, others: Sequence[Tensor]) -> Tensor:
        if token == 1:
            cancel.cancel()
        return own

    question = asked_of(picture, "Where?")
    answer: Answer = ask(llava, question, cancel=cancel, guide=Guide((question,), stopping))
    assert answer.finish == "stopped" and len(answer.tokens) == 2


def test_plausibility_is_a_share_of_the_likeliest() -> None:
    logits = torch.tensor([2.0, 2.0 + math.log(0.5), 2.0 + math.log(0.09)])
    assert (plausible(logits, 0.1) == 0).tolist() == [True, True, False]
    assert (plausible(logits, 0.0) == 0).all()
    assert contrasted(logits, logits, 3.0, 0.1)[:2].tolist() == pytest.approx(logits[:2].tolist())


def test_a_sure_model_is_left_alone() -> None:
    own, other = torch.tensor([5.0, 0.0]), torch.tensor([0.0, 5.0])
    assert weighed_by_information(own, other, 1, 0.2, 0.9) is None
    weighed = weighed_by_information(own, other, 1, 0.2, 1.0)
    assert weighed is not None and float(weighed[0] - weighed[1]) > 5
