"""What the pages of docs/ tell a newcomer to type works as it stands there, each as one file with no other edited."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question
from core.cases.formats.registry import formats, read_folder
from core.claims.registry import claims
from core.claims.run import run_claims
from core.doubt.measure import measure as measure_doubt
from core.doubt.registry import signals
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.remedies.registry import remedies
from core.remedies.run import try_remedies
from core.vlm.generation import ask
from core.vlm.hf.families._rasters import Misfit
from core.vlm.hf.families.context import PromptContext
from core.vlm.hf.families.registry import families, family_of
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.targets import whole_answer

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: str) -> list[str]:
    """The Python of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@contextmanager
def dropped(package: str, name: str, source: str, folder: Path, registry: Callable[[], Any]) -> Iterator[None]:
    """Let a file of a second folder count as one of a package."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    home = importlib.import_module(package)
    with patch.object(home, "__path__", [*home.__path__, str(folder)]):
        registry.cache_clear()  # type: ignore[attr-defined]
        importlib.invalidate_caches()
        try:
            yield
        finally:
            registry.cache_clear()  # type: ignore[attr-defined]
            sys.modules.pop(f"{package}.{name}", None)


def test_the_method_is_found_and_explains(llava: TransformersModel, picture: Image.Image, tmp_path: Path) -> None:
    [source] = blocks("add-a-method.md")
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=4)))
    with dropped("core.explainers", "last_layer", source, tmp_path, explainers):
        method = explainers()["last_layer"]
        [explanation] = explain(method, llava, answer, [whole_answer(answer)])
        assert method.estimate(llava, answer, (), method.Settings()) == 0
    assert answer.attention is not None
    expected = answer.attention.weights[-1].mean(0).mean(0)
    assert explanation.scores == pytest.approx(expected.numpy(), abs=1e-5)


def test_the_mechanism_is_found_and_gives_a_figure_for_every_head(
    llava: TransformersModel, picture: Image.Image, tmp_path: Path
) -> None:
    [source] = blocks("add-a-mechanism.md")
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=3)))
    with dropped("core.mechanisms", "attention_spread", source, tmp_path, mechanisms):
        measured = measure(mechanisms()["attention_spread"], llava, answer, whole_answer(answer))
    assert answer.attention is not None
    rows = answer.attention.weights.double().numpy()
    expected = -(rows * np.log(rows, where=rows > 0, out=rows * 0)).sum(-1).mean(-1)
    assert measured.result.shapes[0].values == pytest.approx(expected, abs=1e-4)


def test_the_format_is_found_and_reads_a_folder(tmp_path: Path, picture: Image.Image) -> None:
    [source] = blocks("add-a-format.md")
    files, folder = tmp_path / "files", tmp_path / "folder"
    files.mkdir()
    folder.mkdir()
    picture.save(folder / "a.png")
    (folder / "shapes.csv").write_text("file,question,shape\na.png,Which shape is it?,Circle\nb.png,And this?,Square\n")
    with dropped("core.cases.formats", "shapes", source, files, formats):
        form, cases = read_folder(folder, "shapes")
    assert form.name == "Shapes" and [case.expected for case in cases.cases] == [("circle",), ("square",)]
    assert cases.cases[0].problem is None and "b.png" in str(cases.cases[1].problem)


def test_the_family_is_found_and_lays_its_images_out(tmp_path: Path) -> None:
    [source] = blocks("add-a-family.md")
    with dropped("core.vlm.hf.families", "square_vl", source, tmp_path, families):
        family = family_of(SimpleNamespace(model_type="square_vl", vision_config=None))
        processor = SimpleNamespace(image_seq_length=9)
        context = PromptContext(None, processor, image_sizes=[(90, 60)], image_positions=range(4, 13))
        assert family.image_grid(context) == "3 x 3"
        [view] = family.views(context)
        assert (view.rows, view.columns, view.patch_box(5)) == (3, 3, (60.0, 20.0, 90.0, 40.0))
        with pytest.raises(Misfit, match=r"9 image tokens \(picture 3 x 3\), and there are 10"):
            family.views(replace(context, image_positions=range(4, 14)))


def test_the_claim_is_found_measured_and_judged(tmp_path: Path) -> None:
    [source] = blocks("add-a-claim.md")
    with dropped("core.claims", "yes_either_way", source, tmp_path, claims):
        [report] = run_claims(load_model(EMBEDDED), None, 10, keys=["yes_either_way"]).reports
    assert report.verdict == "reproduces" and report.used == 10
    assert report.because == "Yes to both of 10 of 10 trucks and of 0 of 10 houses."
    assert [example.title.split(",")[0] for example in report.examples] == ["the truck", "the house"]


def test_the_remedy_is_found_and_tried(llava: TransformersModel, picture: Image.Image, tmp_path: Path) -> None:
    [source] = blocks("add-a-remedy.md")
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=3)))
    with dropped("core.remedies", "sharper", source, tmp_path, remedies):
        [tried] = try_remedies(llava, answer, ["sharper"])
        settings = remedies()["sharper"].Settings(percent=0)
        [same] = try_remedies(llava, answer, {"sharper": settings})
    assert tried.answer is not None and tried.note == "Edges sharpened by 150 %." and tried.passes == 1
    assert same.answer is not None and same.answer.token_ids == answer.token_ids


def test_the_signal_is_found_and_measured(llava: TransformersModel, picture: Image.Image, tmp_path: Path) -> None:
    [source] = blocks("add-a-signal.md")
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=3)))
    with dropped("core.doubt.signals", "margin", source, tmp_path, signals):
        measured = measure_doubt(llava, answer, [[0], [1, 2]], ["margin"])
    tokens = answer.tokens
    margins = [one.alternatives[0].logprob - one.alternatives[1].logprob for one in tokens]
    assert measured.values["margin"] == pytest.approx((margins[0], (margins[1] + margins[2]) / 2))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_of_the_repository_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:core|tests|docs|pages|benchmarks|examples)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    mine = {
        "core/explainers/last_layer.py",
        "core/mechanisms/attention_spread.py",
        "core/vlm/hf/families/square_vl.py",
        "core/cases/formats/shapes.py",
        "core/claims/yes_either_way.py",
        "core/doubt/signals/margin.py",
        "core/remedies/sharper.py",
    }
    assert [name for name in named if name not in mine and not (DOCS.parent / name).exists()] == []
