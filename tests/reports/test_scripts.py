"""Every kind of results has figures, and a script that makes the very same from picture and question."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core
from core.answer import Answer, Decoding, Question, RegionMask, Target, Turn
from core.attention.words import question_words
from core.mechanisms.logprob_increase import source_increases
from core.perturb.perturbation import HiddenPixels, NetworkEdits, OtherImages
from core.perturb.reask import with_contrast
from core.reports.case import Case
from core.reports.code import CannotBeWritten, Writer, packed_mask, unpacked_mask
from core.reports.comparing import differences
from core.reports.registry import renderers
from core.reports.script import Setting, picture_codes, question_code, script, steps
from core.runs.identity import readable
from core.runs.kinds import FRAME_CHANGES, KINDS
from core.runs.manifest import KeptModel
from core.runs.turns import Source
from core.vlm.edits import HeadAblation, Knockout, Site
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED
from core.vlm.model import ModelCard
from tests.reports.made import Kept
from tests.videos import noisy_video

NAMES = sorted(KINDS.keys() - {FRAME_CHANGES.name})
HOSTILE = ['"""', "'", '"; import os #', "\\", "\n", "\r\x00", "\u202e", "🐶", "\ud83d", "{x}", "</script><b>"]


def here(text: str) -> str:
    """A script as it reads in the repository, where the package is called `core`."""
    return re.sub(r"\bsightline(?=[. ]|$)", "core", text, flags=re.MULTILINE)


def executed(text: str, model: Any, answer: Answer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """What a script leaves: it gets the model, and the answer where it asks the very question."""

    def asked(given: Any, question: Question) -> Answer:
        assert given is model and question.fingerprint() == answer.question.fingerprint()
        return answer

    monkeypatch.chdir(folder)
    monkeypatch.setitem(vars(core), "load_model", lambda *_, **named: model)
    monkeypatch.setitem(vars(core), "ask", asked)
    names: dict[str, Any] = {}
    exec(compile(here(text), "script.py", "exec"), names)
    return names


def case_as_kept(results: list[Kept], answer: Answer, name: str) -> Case:
    """A result with what it is of as it is read from disk: dataclasses are mappings there."""
    about, result = next((about, result) for kind, about, result in results if kind.name == name)
    return Case(answer, result, readable(about), 0.1)


def test_every_kind_of_results_has_figures_and_code() -> None:
    assert renderers().keys() == KINDS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_script_makes_the_same_figures(
    name: str,
    results: list[Kept],
    street: TransformersModel,
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = case_as_kept(results, answer, name)
    pictures = picture_codes(answer.question, [Source("s.png", scene={"scene": "27"})], Writer())
    text = script(name, case, Setting(KeptModel(street.card, EMBEDDED), pictures))
    assert "sightline.street_scene(27)" in text and "sightline.load_model(" in text and len(text.splitlines()) < 45
    # Drawing takes a browser's engine; test_report does it once for all.
    saved: list[str] = []
    monkeypatch.setattr("core.reports.figure.Figure.save", lambda figure, file: saved.append(file))
    left = executed(text, street, answer, tmp_path, monkeypatch)
    code, _ = steps(name, case, Setting())
    kept, again = renderers()[name].figures(case), left["figures"]
    compared = list(differences(kept, again, code))
    assert compared and all(one.same for one in compared), compared
    assert len(saved) == len(kept) and saved[0].startswith(name)
    assert [one.title for one in again] == [one.title for one in kept]


def views(answer: Answer, target: Target) -> list[tuple[str, dict[str, Any]]]:
    """What is shown of a result in one place of a page, by its kind and by what the page adds to it."""
    asked = [position for word in question_words(answer) for position in word.positions]
    positions = [*asked, *(answer.predicting_position(token) for token in range(len(answer.tokens)))]
    patches = answer.layout.views[0].positions[:2]
    who = {"view": "to patches", "positions": positions, "of_question": len(asked), "patches": patches}
    small = {"view": "gallery", "layer": 5, "heads": (4, 0), "measure": "image", "common": True, "image": 0}
    return [
        ("attention_rows", {**who, "target": target}),
        ("attention_rows", {**who, "layer": 2}),
        ("attention_rows", {**small, "positions": [answer.predicting_position(1)], "left_out": (0,)}),
        ("graph", {"view": "picture", "radius": 2, "image": 0}),
        ("graph", {"view": "tree", "radius": 2}),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_script_makes_what_stands_in_one_place_of_a_page_alone(
    number: int,
    results: list[Kept],
    street: TransformersModel,
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, about = views(answer, Target((3,)))[number]
    case = case_as_kept(results, answer, name)
    if name == "attention_rows":
        case = replace(case, result=street.attention_rows(answer, about["positions"]).cpu())
    case = replace(case, about={**case.about, **readable(about)})
    pictures = picture_codes(answer.question, [Source("s.png", scene={"scene": "27"})], Writer())
    saved: list[str] = []
    monkeypatch.setattr("core.reports.figure.Figure.save", lambda figure, file: saved.append(file))
    text = script(name, case, Setting(KeptModel(street.card, EMBEDDED), pictures))
    left = executed(text, street, answer, tmp_path, monkeypatch)
    [kept], [again] = renderers()[name].figures(case), left["figures"]
    same = [one.same for one in differences([kept], [again], steps(name, case, Setting())[0])]
    assert same and all(same) and again.title == kept.title and again.rows == kept.rows and saved == [f"{name}.svg"]
    assert again.drawing is not None and kept.drawing is not None
    assert again.drawing.make().to_dict() == kept.drawing.make().to_dict()


def test_a_contrast_of_a_reask_is_measured_again(
    street: TransformersModel, answer: Answer, results: list[Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_as_kept(results, answer, "reasked")
    [rival] = [one.id for one in answer.tokens[3].alternatives if one.id != answer.tokens[3].id][:1]
    case = replace(case, result=with_contrast(street, case.result, Target((3,), (rival,))))
    monkeypatch.setattr("core.reports.figure.Figure.save", lambda figure, file: None)
    pictures = picture_codes(answer.question, [Source("s.png", scene={"scene": "27"})], Writer())
    left = executed(script("reasked", case, Setting(None, pictures)), street, answer, tmp_path, monkeypatch)
    assert left["result"].contrast.change == pytest.approx(case.result.contrast.change, abs=1e-4)
    first = left["figures"][0]
    assert "contrast" in first.numbers and "log-odds" in first.caption


def test_another_number_is_told(results: list[Kept], answer: Answer) -> None:
    case = case_as_kept(results, answer, "head_increases")
    code, _ = steps("head_increases", case, Setting())
    own = renderers()["head_increases"]
    moved = case.result.copy()
    moved[2, 1] += 0.01 * np.nanmax(np.abs(moved))
    [one] = differences(own.figures(case), own.figures(replace(case, result=moved)), code)
    assert not one.same and one.largest == pytest.approx(0.01 * np.nanmax(np.abs(case.result)), rel=1e-3)
    [other] = differences(own.figures(case), own.figures(replace(case, result=moved[:-1])), code)
    assert other.largest == np.inf


def test_frames_of_a_video_are_hidden_again(
    qwen: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(qwen, Question("What?", noisy_video(2), decoding=Decoding(max_new_tokens=2)))
    for number, image in enumerate(answer.question.images):
        image.save(tmp_path / f"picture-{number + 1}.png")
    result = tuple(one.value for one in core.hide_frames(qwen, answer, Target((0,))))
    case = Case(answer, result, {"target": Target((0,)), "video": 0})
    pictures = picture_codes(answer.question, (), Writer())
    monkeypatch.setattr("core.reports.figure.Figure.save", lambda figure, file: None)
    left = executed(script("frame_changes", case, Setting(None, pictures)), qwen, answer, tmp_path, monkeypatch)
    assert left["result"] == pytest.approx(result, abs=1e-6)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_and_models_say_is_a_literal(text: str, answer: Answer, results: list[Kept], street: Any) -> None:
    card: ModelCard = replace(street.card, name=text, source=text)
    said = replace(answer, question=answer.question.with_text(text + "?"), text=text)
    case = replace(case_as_kept(results, answer, "explanation"), answer=said)
    pictures = picture_codes(said.question, [Source(f"{text}.png")], Writer())
    made = script("explanation", case, Setting(KeptModel(card), pictures))
    made.encode("ascii")
    tree = ast.parse(made)
    assert text in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    usual = script("explanation", case_as_kept(results, answer, "explanation"), Setting(KeptModel(card), pictures))
    shape = [type(node) for node in ast.walk(tree)]
    assert shape == [type(node) for node in ast.walk(ast.parse(usual))]
    names = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
    assert names == {"sightline"}


def test_a_question_is_asked_with_all_that_decides_it(answer: Answer, tmp_path: Path) -> None:
    image = answer.question.images[0]
    hidden = np.zeros((image.height, image.width), dtype=bool)
    hidden[3:50, 7:] = True
    question = Question(
        "And “now”?",
        (image, image),
        history=(Turn("Is it\nso?", " No."),),
        decoding=Decoding(9, 0.7, 0.9, 5),
        masks=(RegionMask(hidden, "noise", 1),),
        images_at=(0, 3),
    )
    write = Writer()
    pictures = picture_codes(question, [Source("a.png"), Source("/etc/../a.png")], write)
    assert pictures == ('"a.png"', '"picture-2.png"')
    code = question_code(question, ["image", "image"], write)
    names: dict[str, Any] = {"image": image, "core": core}
    exec(here("\n".join(write.imports)), names)
    assert eval(here(code), names).fingerprint() == question.fingerprint()


def test_values_are_written_as_what_makes_them() -> None:
    write = Writer()
    values = [
        NetworkEdits((Knockout((3, 4), (1,), frozenset({2})), HeadAblation(((1, 2),)))),
        {"a": (1.5, None, True), "b": [Site.MLP, float("nan")]},
        Target((1, 2), (5, 6)),
        HiddenPixels(()),
    ]
    code = write.literal(values)
    names: dict[str, Any] = {"core": core}
    exec(here("\n".join(write.imports)), names)
    made = eval(here(code), names)
    assert repr(made) == repr(values)
    assert source_increases.__name__ in Writer().call(source_increases, "model")


def test_what_no_code_makes_is_refused_in_a_sentence(answer: Answer) -> None:
    for value in (np.zeros(3), OtherImages(answer.question.images), object()):
        with pytest.raises(CannotBeWritten, match=r"no short code makes\.$|of this model that"):
            Writer().literal(value)
    own = OtherImages(answer.question.images)
    assert "another.png" in Writer({id(own.images[0]): '"another.png"'}).literal(own)


def test_a_mask_is_text_and_back_and_nothing_else_is() -> None:
    hidden = np.random.default_rng(0).random((13, 21)) < 0.3
    assert np.array_equal(unpacked_mask(packed_mask(hidden), (13, 21)), hidden)
    for text, shape in (("", (2, 2)), ("!!", (2, 2)), (packed_mask(hidden), (13, 22)), (packed_mask(hidden), (0, 9))):
        with pytest.raises(ValueError, match="mask"):
            unpacked_mask(text, shape)
    with pytest.raises(ValueError, match="mask"):
        unpacked_mask(packed_mask(np.zeros((4000, 4000), dtype=bool)), (8, 8))
