"""What holds for every mechanism, whoever adds it: finite figures that fit, stopping, memory, nothing left behind."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Target
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.mechanisms.base import Mechanism
from core.mechanisms.registry import mechanisms
from core.mechanisms.results import Curves, HeadValues, LayerTexts, LayerValues, PositionValues, Shape
from core.mechanisms.run import measure
from core.settings import controls
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import whole_answer
from tests.eager import sampled
from tests.hooks import hooks_of

KEYS = list(mechanisms())
RIVAL = 40
CHOICES = [
    (key, control.name, option)
    for key, mechanism in mechanisms().items()
    for control in controls(mechanism.Settings)
    if control.kind == "choice"
    for option in control.options
]


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(model, "the dog the dog?", picture, tokens=4)


def arrays(shape: Shape) -> list[np.ndarray]:
    """All figures of a shape."""
    match shape:
        case HeadValues() | PositionValues():
            return [shape.values]
        case LayerValues():
            return [shape.values, *([] if shape.spread is None else [shape.spread])]
        case LayerTexts():
            return [np.array([word.logprob for row in shape.readings for words in row for word in words])]
        case Curves():
            return [a for curve in shape.curves for a in (curve.values, curve.low, curve.high) if a is not None]


@pytest.mark.parametrize("key", KEYS)
def test_every_target_has_finite_figures_that_can_be_saved(key: str, model: TransformersModel, answer: Answer) -> None:
    for target in (Target((2,)), Target((1,), (RIVAL,)), whole_answer(answer)):
        heard: list[float] = []
        measured = measure(mechanisms()[key], model, answer, target, progress=heard.append)
        assert measured.mechanism == key and measured.target == target and measured.result.complete == 1
        assert heard and heard == sorted(heard) and 0 < heard[-1] <= 1 + 1e-9
        assert measured.result.shapes
        for shape in measured.result.shapes:
            assert shape.title and all(np.isfinite(values).all() for values in arrays(shape))
            lines = shape.rows(answer)
            assert lines and json.loads(json.dumps(lines, allow_nan=False)) == lines


@pytest.mark.parametrize(("key", "name", "option"), CHOICES)
def test_every_choice_gives_figures_or_says_what_to_do(
    key: str, name: str, option: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer, mechanism = sampled(llava, "the dog?", picture, tokens=2), mechanisms()[key]
    try:
        measured = measure(mechanism, llava, answer, Target((1,)), mechanism.Settings(**{name: option}))
    except NotApplicable as error:
        assert str(error).count(".") > 1
    else:
        assert all(np.isfinite(values).all() for shape in measured.result.shapes for values in arrays(shape))


@pytest.mark.parametrize("key", KEYS)
def test_without_a_picture_a_mechanism_works_or_says_what_to_do(key: str, llava: TransformersModel) -> None:
    answer = sampled(llava, "Only words", tokens=2)
    try:
        assert measure(mechanisms()[key], llava, answer, Target((1,))).result.shapes
    except NotApplicable as error:
        assert str(error).count(".") > 1, "a refusal says what to do"


@pytest.mark.parametrize("key", KEYS)
def test_the_same_is_measured_again(key: str, llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    one, other = (measure(mechanisms()[key], llava, answer, Target((1,))).result.shapes for _ in range(2))
    for first, second in zip(one, other, strict=True):
        for values, again in zip(arrays(first), arrays(second), strict=True):
            np.testing.assert_array_equal(values, again)


@pytest.mark.parametrize("key", KEYS)
def test_a_stop_is_heard_and_leaves_the_model_as_it_was(key: str, model: TransformersModel, answer: Answer) -> None:
    before, hooks = model.replay_logits(answer), hooks_of(model)
    cancel, after = CancelToken(), []

    def stop(done: float) -> None:
        if cancel.cancelled:
            after.append(time.perf_counter())
        cancel.cancel()

    began = time.perf_counter()
    try:
        measured = measure(mechanisms()[key], model, answer, Target((2,)), cancel=cancel, progress=stop)
    except Cancelled:
        pass
    else:
        whole = measured.result.complete == 1
        assert mechanisms()[key].keeps_partial or (whole and not after), "one that keeps no part goes on to its end"
    assert time.perf_counter() - began < 30
    assert (model.replay_logits(answer) == before).all()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.network.parameters())
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("key", KEYS)
def test_a_stop_before_the_beginning_computes_nothing(
    key: str, llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, cancel = sampled(llava, "Where?", picture, tokens=1), CancelToken()
    cancel.cancel()
    monkeypatch.setattr(type(mechanisms()[key]), "compute", None)
    with pytest.raises(Cancelled):
        measure(mechanisms()[key], llava, answer, Target((0,)), cancel=cancel)


@pytest.mark.parametrize("key", KEYS)
def test_too_little_memory_is_refused_with_a_figure_and_a_remedy(
    key: str, llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, mechanism = sampled(llava, "Where?", picture, tokens=2), mechanisms()[key]
    needed = mechanism.estimate(llava, answer, whole_answer(answer), mechanism.Settings())
    assert needed > 0
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: needed - 1)
    with pytest.raises(NotEnoughMemory, match=r"needs about [\d.]+ [kMG]B .* Choose an earlier word"):
        measure(mechanism, llava, answer, whole_answer(answer))


@pytest.mark.parametrize("key", KEYS)
def test_an_answer_of_another_model_is_refused(key: str, llava: TransformersModel, picture: Image.Image) -> None:
    answer = replace(sampled(llava, "Where?", picture, tokens=1), model="another")
    with pytest.raises(OtherModel, match="another model"):
        measure(mechanisms()[key], llava, answer, Target((0,)))


def test_settings_out_of_range_are_refused(llava: TransformersModel, picture: Image.Image) -> None:
    answer, mechanism = sampled(llava, "Where?", picture, tokens=1), mechanisms()["causal_tracing"]
    with pytest.raises(ValueError, match="Samples must lie between 1 and 50"):
        measure(mechanism, llava, answer, Target((0,)), mechanism.Settings(samples=0))


def test_an_obstacle_is_said_before_anything_is_computed(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, mechanism = sampled(llava, "Where?", picture, tokens=1), mechanisms()["logit_lens"]
    monkeypatch.setattr(type(mechanism), "obstacle", lambda *_: "It is too late. Come again.")
    monkeypatch.setattr(type(mechanism), "compute", None)
    with pytest.raises(NotApplicable, match="It is too late"):
        measure(mechanism, llava, answer, Target((0,)))


def test_a_stop_that_only_progress_hears_ends_the_run(llava: TransformersModel, picture: Image.Image) -> None:
    class Deaf(Mechanism):
        """It never looks at the token."""

        key, name, caveat = "deaf", "Deaf", "None."

        def compute(self, model, answer, target, settings, *, cancel, progress):  # type: ignore[no-untyped-def]
            for step in range(1000):
                progress(step / 1000)
            raise AssertionError("it went on to its end")

    answer, cancel = sampled(llava, "Where?", picture, tokens=1), CancelToken()
    with pytest.raises(Cancelled):
        measure(Deaf(), llava, answer, Target((0,)), cancel=cancel, progress=lambda done: cancel.cancel())
