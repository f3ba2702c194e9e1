"""The front door: what `import sightline` offers, what it costs, and that its short ways lead where the long ones do.

Here it is imported by the folder's own name, `core`; tests/package does it as others do.
"""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest
import torch
from PIL import Image

import core
from core.answer import Answer, Decoding, Question, Target
from core.api import asking
from core.api.asking import ask, load_model
from core.api.explaining import evaluate, evaluate_modalities, explain
from core.api.showing import overlay, street_scene
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.vlm.hf.network import TransformersModel
from core.vlm.replay import SelfCheck
from core.vlm.targets import whole_answer

ROOT = Path(__file__).resolve().parents[1]
COSTLY = """
import json, sys
import core
names = dir(core)
print(json.dumps([names, sorted({"torch", "transformers", "streamlit", "pandas", "numpy"} & set(sys.modules))]))
"""


def test_importing_it_and_listing_its_names_costs_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", COSTLY], cwd=ROOT, capture_output=True, text=True, check=True)
    names, imported = json.loads(done.stdout)
    assert imported == []
    assert {"load_model", "ask", "explain", "evaluate", "Question", "Target", "Decoding"} <= set(names)


def test_every_name_that_is_offered_is_there() -> None:
    assert sorted(core.__all__) == dir(core) == sorted([*core._PLACES, "__version__"])
    assert all(getattr(core, name) is not None for name in core.__all__)
    assert core.methods is explainers


def test_no_name_is_that_of_a_package() -> None:
    """Importing a package puts it in the place of a function of the same name."""
    packages = {module.name for module in pkgutil.iter_modules(core.__path__)}
    assert packages & {*core.__all__} == set()


def test_a_name_that_there_is_not_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        import_module("core").paint  # noqa: B018


@pytest.fixture
def answer(llava: TransformersModel, picture: Image.Image) -> Answer:
    return ask(llava, "What is it?", picture, decoding=Decoding(max_new_tokens=3))


def test_a_model_is_named_by_its_folder(llava_folder: Path) -> None:
    model = load_model(llava_folder, precision="float32", device="cpu")
    assert model.card.dtype == "float32" and Path(model.card.source) == llava_folder


def test_a_model_that_does_not_say_the_same_again_is_warned_of(
    llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "checked", lambda _: SelfCheck(0.5, False, "It differs by 0.5 nats."))
    with pytest.warns(UserWarning, match=r"It differs by 0\.5 nats\."):
        load_model(llava_folder, precision="float32", device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(llava_folder, precision="float32", device="cpu", check=False)


def test_a_question_is_asked_of_files_and_pictures(
    llava: TransformersModel, picture: Image.Image, tmp_path: Path
) -> None:
    picture.save(tmp_path / "image.png")
    short = ask(llava, "What is it?", str(tmp_path / "image.png"), decoding=Decoding(max_new_tokens=3))
    asked = Question("What is it?", picture, decoding=Decoding(max_new_tokens=3))
    assert short.token_ids == ask(llava, asked).token_ids
    with pytest.raises(ValueError, match="brings its own pictures"):
        ask(llava, asked, picture)


def test_an_explanation_is_of_the_whole_answer_unless_a_part_is_named(llava: TransformersModel, answer: Answer) -> None:
    assert explain(llava, answer, "raw_attention").target == whole_answer(answer)
    assert explain(llava, answer, "raw_attention", Target((1,))).target == Target((1,))
    first = "".join(answer.tokens[index].text for index in answer.words()[0])
    assert explain(llava, answer, "raw_attention", first).target == Target(answer.words()[0])


def test_settings_are_given_by_name(llava: TransformersModel, answer: Answer) -> None:
    explanation = explain(llava, answer, explainers()["raw_attention"], layers=(0,))
    assert explanation.settings["layers"] == (0,)
    assert not torch.equal(explanation.scores, explain(llava, answer, "raw_attention").scores)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("magic",), {}, r"There is no method 'magic'\. The methods are "),
        (("raw_attention", "unsaid"), {}, "has no word “unsaid”"),
        (("raw_attention",), {"depth": 3}, r"Raw attention has no setting 'depth'\. It has "),
    ],
)
def test_what_there_is_not_is_a_sentence(
    llava: TransformersModel, answer: Answer, arguments: tuple[str, ...], settings: dict[str, int], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        explain(llava, answer, *arguments, **settings)


def test_words_and_patches_are_tested_by_settings_of_their_own(llava: TransformersModel, picture: Image.Image) -> None:
    answer = ask(llava, "the dog?", picture, decoding=Decoding(max_new_tokens=1))
    found = evaluate_modalities(llava, answer, explain(llava, answer, "relevancy"), steps=2, draws=1, words="replaced")
    assert found.settings["words"] == "replaced" and found.over == ("words", "patches", "both")
    with pytest.raises(ValueError, match="has no setting 'depth'"):
        evaluate_modalities(llava, answer, explain(llava, answer, "relevancy"), depth=2)


def test_one_explanation_gives_one_evidence_and_several_as_many(llava: TransformersModel, answer: Answer) -> None:
    maps = [explain(llava, answer, method) for method in ("raw_attention", "random")]
    quick = {"steps": 2, "draws": 1, "fill": "black"}
    one = evaluate(llava, answer, maps[0], **quick)
    assert one.method == "raw_attention" and one.settings["draws"] == 1
    assert [each.method for each in evaluate(llava, answer, maps, **quick)] == ["raw_attention", "random"]
    with pytest.raises(ValueError, match="The test has no setting 'depth'"):
        evaluate(llava, answer, maps[0], depth=3)
    assert EvidenceSettings().draws != 1, "or nothing would have been set"


def test_an_explanation_is_drawn_over_its_picture(llava: TransformersModel, answer: Answer) -> None:
    assert overlay(answer, explain(llava, answer, "raw_attention"), size=120).size == (120, 80)


def test_a_scene_is_the_same_for_the_same_number() -> None:
    assert street_scene(27).tobytes() == street_scene(27).tobytes() != street_scene(28).tobytes()
