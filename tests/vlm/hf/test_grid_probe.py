"""A family that nobody has described is probed: of those that are described, the probe finds what they declare."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, PatchView, Question
from core.errors import NotApplicable
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.grids.kept import FOLDER
from core.vlm.hf.families._rasters import Rasters
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.families.context import PromptContext
from core.vlm.hf.network import TransformersModel
from core.zoo.registry import recipes
from tests.families import save_idefics2, save_internvl, save_paligemma
from tests.zoo import load, of_family

SIZES = [(120, 80), (96, 300), (100, 100), (448, 60)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))


@pytest.fixture(scope="module")
def paligemma(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(save_paligemma(tmp_path_factory.mktemp("paligemma")))


@pytest.fixture(scope="module")
def internvl(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(save_internvl(tmp_path_factory.mktemp("internvl")))


@pytest.fixture(scope="module")
def idefics2(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(save_idefics2(tmp_path_factory.mktemp("idefics2")))


def undescribed(model: TransformersModel) -> TransformersModel:
    return of_family(model, Undescribed("unheard_of"))


def asked(model: TransformersModel, *sizes: tuple[int, int]) -> Answer:
    images = [Image.new("RGB", size, "red") for size in sizes]
    return ask(model, Question("What is it?", images, decoding=Decoding(max_new_tokens=2)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["llava", "qwen", "paligemma"])
def test_what_is_declared_is_measured(name: str, size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    model: TransformersModel = request.getfixturevalue(name)
    unknown = undescribed(model)
    answer = asked(unknown, size)
    assert answer.layout.views == ()
    [measured] = unknown.measure_grid(answer).layout.views
    [declared] = model.prepare(answer.question).layout.views
    assert (measured.rows, measured.columns) == (declared.rows, declared.columns)
    assert measured.positions == declared.positions
    # A centre crop is known to a pixel or two, or half a pixel of the crop.
    assert measured.box == pytest.approx(declared.box, abs=2)
    assert measured.measured is not None
    assert measured.measured > 0.97
    assert declared.measured is None


def test_a_family_that_nobody_described_is_measured_at_its_own_grid(tmp_path: Path) -> None:
    model = load(recipes()["cohere_compass"]().save(tmp_path))
    assert isinstance(model.family, Undescribed)
    for size in SIZES[:2]:
        answer = asked(model, size)
        [view] = model.measure_grid(answer).layout.views
        # What its processor says of the picture, four patches of which become one token.
        _, down, across = answer.inputs["image_grid_thw"][0].tolist()
        assert (view.rows, view.columns, view.box) == (down // 2, across // 2, (0, 0, *size))


def test_a_declared_grid_that_does_not_fit_is_measured_instead(llava: TransformersModel) -> None:
    class Shrunk(type(llava.family)):  # type: ignore[misc]
        def views(self, context: PromptContext) -> tuple[PatchView, ...]:
            rasters = Rasters(context.image_positions)
            rasters.add(0, "picture", 3, 3, (0, 0, 9, 9))
            return rasters.all()

    misfit = of_family(llava, Shrunk())
    answer = asked(misfit, (120, 80))
    assert "does not fit" in answer.layout.unplaced and answer.layout.measurable
    layout = misfit.measure_grid(answer).layout
    [declared] = llava.prepare(answer.question).layout.views
    assert (layout.views[0].positions, layout.unplaced) == (declared.positions, "")


@pytest.mark.parametrize("name", ["internvl", "idefics2"])
def test_tiles_and_resampled_pictures_are_refused(name: str, request: pytest.FixtureRequest) -> None:
    unknown = undescribed(request.getfixturevalue(name))
    answer = asked(unknown, (120, 80))
    with pytest.raises(NotApplicable, match="could not be measured"):
        unknown.measure_grid(answer)
    assert unknown.prepare(answer.question).layout.views == ()


def test_it_is_measured_once_for_each_size_and_later_questions_have_it(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = undescribed(llava)
    answer = asked(unknown, (120, 80))
    [view] = unknown.measure_grid(answer).layout.views
    monkeypatch.setattr("core.vlm.hf.network.measure", forbidden)
    again = asked(unknown, (120, 80), (120, 80))
    assert [(own.image, own.rows, own.box) for own in again.layout.views] == [
        (image, view.rows, view.box) for image in range(2)
    ]
    assert undescribed(llava).prepare(answer.question).layout.views == (view,)
    assert asked(unknown, (80, 120)).layout.views == ()


def forbidden(*args: object) -> None:
    raise AssertionError("it was measured already")


def test_a_declared_grid_and_a_question_without_a_picture_are_not_measured(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.hf.network.measure", forbidden)
    declared, words = asked(llava, (120, 80)), asked(undescribed(llava))
    assert llava.measure_grid(declared) is declared
    assert undescribed(llava).measure_grid(words) is words


def test_it_can_be_stopped_and_says_how_far_it_is(llava: TransformersModel) -> None:
    unknown = undescribed(llava)
    answer = asked(unknown, (120, 80))
    cancel, told = CancelToken(), []

    def progress(done: float) -> None:
        told.append(done)
        if len(told) == 3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        unknown.measure_grid(answer, cancel=cancel, progress=progress)
    assert len(told) == 3
    told.clear()
    unknown.measure_grid(answer, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_nothing_of_it_stays_on_the_model(qwen: TransformersModel) -> None:
    unknown = undescribed(qwen)
    answer = asked(unknown, (120, 80))
    before = unknown.replay_logits(answer)
    measured = unknown.measure_grid(answer)
    assert torch.equal(unknown.replay_logits(answer), before)
    assert torch.equal(unknown.replay_logits(measured), before)
