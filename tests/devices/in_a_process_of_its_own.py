"""A model on another device, and one whose layers lie on two: everything comes to what it comes to on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import dispatch_model
from PIL import Image

from core.answer import Answer, Decoding, Explanation, Question, Target
from core.causal.discovery import causal_graph
from core.causal.explanation_test import Masking, explanation_test
from core.causal.settings import GraphSettings
from core.evidence.evaluate import evaluate
from core.evidence.randomisation import randomise
from core.evidence.settings import EvidenceSettings
from core.explainers.greedy_regions import GreedyRegionsSettings
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.explainers.shapley import ShapleySettings
from core.mechanisms.causal_tracing import CausalTracingSettings
from core.mechanisms.registry import mechanisms
from core.mechanisms.results import HeadValues, LayerValues, PositionValues
from core.mechanisms.run import Measurement, measure
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.passes import Passes
from core.vlm.hf.placement import device_map
from core.vlm.loading import ModelSpec, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.replay import replay_difference
from tests.devices.pretend import pretending, traffic
from tests.zoo import load

TARGET = Target((1,))
DENSE = GraphSettings(image_tokens=8, text_tokens=0, alpha=0.2, sample_size=400, largest_set=1)
FEW = EvidenceSettings(steps=2, draws=1)
SETTINGS = {
    "greedy_regions": GreedyRegionsSettings(segments=6, compactness=100.0, most=2),
    "shapley": ShapleySettings(segments=4, compactness=100.0, pairs=2),
    "integrated_gradients": IntegratedGradientsSettings(steps=2),
    "causal_tracing": CausalTracingSettings(samples=2),
}
MOST = {
    "attention_times_tower": (14, 34),
    "centre_bias": (0, 0),
    "dex_ar": (2, 34),
    "grad_cam": (2, 34),
    "greedy_regions": (22, 66),
    "grounding_heads": (0, 0),
    "input_gradient": (2, 24),
    "integrated_gradients": (6, 28),
    "logprob_increase": (1, 40),
    "occlusion_pixels": (8, 22),
    "occlusion_superpixels": (8, 22),
    "occlusion_tokens": (2, 20),
    "one_step_gradient": (3, 28),
    "random": (0, 0),
    "raw_attention": (0, 4),
    "relative_attention": (7, 30),
    "relevancy": (12, 48),
    "rollout": (2, 24),
    "shapley": (4, 20),
    "suffix_relevancy": (4, 20),
    "token_activation_map": (1, 14),
    "attention_knockout": (4, 34),
    "attribution_patching": (2, 70),
    "causal_tracing": (2, 90),
    "head_ablation": (2, 50),
    "head_contributions": (1, 40),
    "logit_lens": (2, 28),
    "evidence": (6, 20),
    "reader": (6, 60),
    "pixels": (28, 90),
}
"""How many copies to the device, and how many waits for it, a method may need on a model of three layers, however many
things it takes away and however large the picture: some for each layer and pass, most of which `transformers` asks for
itself, and none for a head, a set of tokens, a patch or a picture of its own."""
PLACES = ("one device", "layers on another", "layers and head on another")


def asked(model: VisionLanguageModel, picture: Image.Image) -> Answer:
    return ask(model, Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=3)))


def spread(folder: Path, *others: str) -> TransformersModel:
    """A model on the CPU, but for the modules of these names and its layers from the second on, which lie on the
    accelerator."""
    model = load(folder)
    placement = device_map(model.network, {"cpu": 1}, "cpu", 4)
    above = tuple(name for name in placement if name.endswith(("layers.1", "layers.2")))
    placement |= dict.fromkeys((*above, *others), "pretend:0")
    network = dispatch_model(model.network, placement, main_device="cpu", force_hooks=True)
    return TransformersModel(network, model.processor, model.family, model.card)


@pytest.fixture(scope="module", params=PLACES)
def placed(request: pytest.FixtureRequest, qwen_folder: Path) -> TransformersModel:
    """A tiny Qwen2.5-VL in different places: heads that share keys, three rotary axes, prompts' beginnings kept."""
    with pretending():
        if request.param == "one device":
            model = load_model(ModelSpec(str(qwen_folder), dtype="float32", device="pretend:0"))
            assert isinstance(model, TransformersModel)
            return model
        return spread(qwen_folder, *(("lm_head", "model.language_model.norm") if "head" in request.param else ()))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def expected(qwen: TransformersModel, picture: Image.Image) -> Answer:
    return asked(qwen, picture)


@pytest.fixture(scope="module")
def answer(placed: TransformersModel, picture: Image.Image) -> Answer:
    with pretending():
        return asked(placed, picture)


@pytest.fixture(scope="module")
def mapped_there(qwen: TransformersModel, expected: Answer) -> Callable[[str], Explanation]:
    """The CPU's map by each method, made once for all places."""

    def by(key: str) -> Explanation:
        (right,) = explain(explainers()[key], qwen, expected, [TARGET], SETTINGS.get(key))
        return right

    return cache(by)


@pytest.fixture(scope="module")
def measured_there(qwen: TransformersModel, expected: Answer) -> Callable[[str], Measurement]:
    """The CPU's figures of each mechanism, measured once for all places."""
    return cache(lambda key: measure(mechanisms()[key], qwen, expected, TARGET, SETTINGS.get(key)))


def close(value: torch.Tensor | np.ndarray, right: torch.Tensor | np.ndarray) -> None:
    numbers, rights = (torch.as_tensor(one).cpu().nan_to_num() for one in (value, right))
    torch.testing.assert_close(numbers, rights, atol=1e-5, rtol=1e-3)


def test_an_answer_and_its_attention_rows_are_those_of_the_cpu(
    placed: TransformersModel, answer: Answer, qwen: TransformersModel, expected: Answer
) -> None:
    assert answer.token_ids == expected.token_ids
    assert answer.attention is not None and expected.attention is not None
    with pretending():
        close(answer.attention.weights, expected.attention.weights)
        close(placed.attention_rows(answer, [3, 9]), qwen.attention_rows(expected, [3, 9]))
        assert replay_difference(placed, answer) < 1e-4


@contextmanager
def bounded(key: str, model: TransformersModel) -> Iterator[None]:
    """What goes on between the CPU and a model on one device in this block is no more than a method may need."""
    with pretending(), traffic() as counted:
        yield
    if model.device.type != "cpu":
        assert counted.copies <= MOST[key][0] and counted.waits <= MOST[key][1], f"{key}: {counted}"


@pytest.mark.parametrize("key", sorted(explainers()))
def test_every_explainer_gives_the_scores_of_the_cpu(
    key: str, placed: TransformersModel, answer: Answer, mapped_there: Callable[[str], Explanation]
) -> None:
    with bounded(key, placed):
        (explanation,) = explain(explainers()[key], placed, answer, [TARGET], SETTINGS.get(key))
    close(explanation.scores, mapped_there(key).scores)


@pytest.mark.parametrize("key", sorted(mechanisms()))
def test_every_mechanism_gives_the_figures_of_the_cpu(
    key: str, placed: TransformersModel, answer: Answer, measured_there: Callable[[str], Measurement]
) -> None:
    with bounded(key, placed):
        measured = measure(mechanisms()[key], placed, answer, TARGET, SETTINGS.get(key))
    for shape, other in zip(measured.result.shapes, measured_there(key).result.shapes, strict=True):
        assert shape.title == other.title
        if isinstance(shape, HeadValues | PositionValues | LayerValues):
            assert isinstance(other, type(shape))
            close(shape.values, other.values)


@pytest.mark.parametrize("mode", ["reader", "pixels"])
def test_the_test_of_a_causal_graph_comes_to_the_same(
    mode: str, placed: TransformersModel, answer: Answer, qwen: TransformersModel, expected: Answer
) -> None:
    masking = Masking("reader" if mode == "reader" else "pixels")
    with bounded(mode, placed):
        graph = causal_graph(placed, answer, 1, 2, 0, DENSE)
        tested = explanation_test(placed, answer, graph, 2, masking, cap=10)
    right_graph = causal_graph(qwen, expected, 1, 2, 0, DENSE)
    right = explanation_test(qwen, expected, right_graph, 2, masking, cap=10)
    assert [trial.positions for trial in tested.candidates] == [trial.positions for trial in right.candidates]
    for trial, other in zip(tested.candidates, right.candidates, strict=True):
        assert trial.outcome.after.logprob == pytest.approx(other.outcome.after.logprob, abs=1e-4)


def test_evidence_comes_to_the_same(
    placed: TransformersModel, answer: Answer, qwen: TransformersModel, expected: Answer
) -> None:
    scores = torch.from_numpy(np.random.default_rng(1).random(len(expected.layout)))
    drawn = Explanation(scores, TARGET, "raw_attention", {}, 0.0)
    with bounded("evidence", placed):
        (tested,) = evaluate(placed, answer, [drawn], settings=FEW)
    with pretending():
        (forgotten,) = randomise(placed, answer, [drawn], stages=2)
    (right,) = evaluate(qwen, expected, [drawn], settings=FEW)
    (others,) = randomise(qwen, expected, [drawn], stages=2)
    for curve, other in zip(tested.tested.curves, right.tested.curves, strict=True):
        close(np.array(curve.values), np.array(other.values))
    assert [stage.correlation for stage in forgotten.stages] == pytest.approx(
        [stage.correlation for stage in others.stages], abs=1e-4
    )


def test_a_model_is_loaded_onto_the_devices_that_are_named(
    qwen_folder: Path, picture: Image.Image, qwen: TransformersModel, expected: Answer
) -> None:
    with pretending():
        model = load_model(ModelSpec(str(qwen_folder), dtype="float32", device="pretend:0,pretend:1"))
        answer = asked(model, picture)
        (explanation,) = explain(explainers()["occlusion_tokens"], model, answer, [TARGET])
    assert model.card.device == "pretend:0" and "on pretend:1" in model.card.placement
    assert answer.token_ids == expected.token_ids
    (right,) = explain(explainers()["occlusion_tokens"], qwen, expected, [TARGET])
    close(explanation.scores, right.scores)


def test_layers_are_given_out_in_their_order_and_by_room(qwen: TransformersModel) -> None:
    placement = device_map(qwen.network, {"a": 10, "b": 10}, "a", 4)
    layers = [placement[f"model.language_model.layers.{index}"] for index in range(3)]
    assert layers == sorted(layers) and placement["lm_head"] == "a" and "b" in layers
    named = {name for name, _ in qwen.network.named_parameters()}
    assert all(any(name.startswith(f"{module}.") or name == module for module in placement) for name in named)


@pytest.mark.parametrize("placed", PLACES[:1], indirect=True)
def test_pictures_are_made_ready_while_the_device_reads_others(
    placed: TransformersModel, answer: Answer, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, in_time = [threading.Event() for _ in range(6)], []
    number, teacher_forced = count(), Passes.teacher_forced

    def pictures() -> Sequence[Image.Image]:
        made[next(number)].set()
        return (picture,)

    def in_the_meantime(*given: Any) -> torch.Tensor:
        # Those of this pass, and those of the next one.
        in_time.append(all(event.wait(10) for event in made[: 2 * len(in_time) + 4]))
        return teacher_forced(*given)

    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 2)
    monkeypatch.setattr(Passes, "teacher_forced", in_the_meantime)
    with pretending():
        read = list(placed.logits_of_images(answer, [pictures] * 6))
    assert [len(logits) for logits in read] == [2, 2, 2] and in_time == [True] * 3


@pytest.fixture(scope="module")
def wide(qwen_folder: Path) -> tuple[TransformersModel, Answer]:
    """A model on the device, and an answer about a picture of four times as many patches."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 180, 3), dtype=np.uint8))
    with pretending():
        model = load_model(ModelSpec(str(qwen_folder), dtype="float32", device="pretend:0"))
        answer = asked(model, image)
        # How the network makes logits of its states is found out once.
        model.reads_states(answer)
    assert isinstance(model, TransformersModel)
    return model, answer


@pytest.mark.parametrize("key", [*sorted(explainers()), *sorted(mechanisms())])
def test_a_larger_picture_needs_no_more_copies_and_waits(key: str, wide: tuple[TransformersModel, Answer]) -> None:
    model, answer = wide
    with bounded(key, model):
        if key in explainers():
            explain(explainers()[key], model, answer, [TARGET], SETTINGS.get(key))
        else:
            measure(mechanisms()[key], model, answer, TARGET, SETTINGS.get(key))
