"""Smoothed gradients, against loops over an eager network whose noise is made anew here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from PIL import Image

from core.answer import Answer, Target, TokenKind
from core.errors import NotApplicable
from core.explainers.input_gradient import InputGradient, InputGradientSettings
from core.explainers.integrated_gradients import IntegratedGradients, IntegratedGradientsSettings
from core.explainers.run import expected, explain
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_logits_from, eager_states_and_gradient, sampled
from tests.vlm.counted import counting

COPIES, NOISE, SEED = 3, 0.4, 5


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(model, "the dog?", picture, tokens=2)


def logit_and_gradient(
    model: TransformersModel, answer: Answer, embeddings: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The raw logit of the second answer token where the first layer reads these embeddings, and its gradient."""
    there = embeddings.detach().requires_grad_(True)
    logits = eager_logits_from(model, answer, 0, lambda _: there)
    logit = logits[len(answer.prompt_tokens), answer.token_ids[1]]
    (gradient,) = torch.autograd.grad(logit, there)
    return logit.detach(), gradient


def noise_of(image: torch.Tensor, drawn: torch.Generator) -> torch.Tensor:
    """sigma = `NOISE` times each feature's own standard deviation over the image tokens."""
    sigma = NOISE * ((image - image.mean(0)) ** 2).mean(0).sqrt()
    return torch.randn(image.shape, generator=drawn) * sigma


def embeddings_of(model: TransformersModel, answer: Answer) -> tuple[torch.Tensor, list[int]]:
    embeddings, _ = eager_states_and_gradient(model, answer, 0, 1, answer.token_ids[1])
    return embeddings, list(answer.layout.positions(TokenKind.IMAGE))


def test_a_smoothed_input_gradient_is_the_mean_over_noisy_pictures(model: TransformersModel, answer: Answer) -> None:
    settings = InputGradientSettings(copies=COPIES, noise=NOISE, seed=SEED)
    (map_,) = explain(InputGradient(), model, answer, [Target((1,))], settings)
    embeddings, places = embeddings_of(model, answer)
    drawn = torch.Generator().manual_seed(SEED)
    total = torch.zeros(len(embeddings), dtype=torch.float64)
    for _ in range(COPIES):
        noisy = embeddings.clone()
        noisy[places] += noise_of(embeddings[places], drawn)
        total += (noisy * logit_and_gradient(model, answer, noisy)[1]).sum(-1) / COPIES
    torch.testing.assert_close(map_.scores, total.float(), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("baseline", ["mean", "drawn"])
def test_smoothed_integrated_gradients_are_the_mean_over_noisy_pictures(
    model: TransformersModel, answer: Answer, baseline: str
) -> None:
    steps = 2
    settings = IntegratedGradientsSettings(steps, baseline, COPIES, NOISE, SEED)
    (map_,) = explain(IntegratedGradients(), model, answer, [Target((1,))], settings)
    embeddings, places = embeddings_of(model, answer)
    image, drawn = embeddings[places], torch.Generator().manual_seed(SEED)
    total, gain = torch.zeros(len(places), dtype=torch.float64), 0.0
    for _ in range(COPIES):
        end, begin = embeddings.clone(), embeddings.clone()
        end[places] += noise_of(image, drawn)
        begin[places] = image.mean(0)
        if baseline == "drawn":
            begin[places] = image[torch.randint(len(places), (len(places),), generator=drawn)]
        for step in range(steps):
            there = begin + (step + 0.5) / steps * (end - begin)
            gradient = logit_and_gradient(model, answer, there)[1]
            total += ((end - begin) * gradient).sum(-1)[places] / (steps * COPIES)
        ends = (logit_and_gradient(model, answer, one)[0] for one in (end, begin))
        gain += float(next(ends) - next(ends)) / COPIES
    torch.testing.assert_close(map_.scores[places], total.float(), atol=1e-5, rtol=1e-3)
    assert f"gains {gain:.2f} over the baseline" in (map_.remark or "")


def smoothed() -> Iterator[tuple[object, object]]:
    yield InputGradient(), InputGradientSettings(copies=COPIES)
    yield IntegratedGradients(), IntegratedGradientsSettings(2, "mean", COPIES)
    yield IntegratedGradients(), IntegratedGradientsSettings(2, "drawn", COPIES)


@pytest.mark.parametrize(("method", "settings"), list(smoothed()), ids=["input", "integrated", "expected"])
def test_a_smoothed_method_makes_the_passes_that_it_says_and_depends_on_its_seed(
    method: InputGradient, settings: InputGradientSettings, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    told = expected(method, llava, answer, [Target((1,))], settings).passes
    with counting(llava, answer) as counted:
        (first,) = explain(method, llava, answer, [Target((1,))], settings)
    assert told.forward == pytest.approx(counted.forward, abs=0.6 + 0.1 * counted.forward)
    assert told.backward == pytest.approx(counted.backward, rel=0.1)
    (again,) = explain(method, llava, answer, [Target((1,))], settings)
    (other,) = explain(method, llava, answer, [Target((1,))], type(settings)(**{**vars(settings), "seed": 1}))
    assert torch.equal(first.scores, again.scores) and not torch.equal(first.scores, other.scores)


def test_noise_needs_a_picture(llava: TransformersModel) -> None:
    answer = sampled(llava, "Only words", tokens=2)
    with pytest.raises(NotApplicable, match="has none that is read as image tokens"):
        explain(InputGradient(), llava, answer, [Target((1,))], InputGradientSettings(copies=2))
