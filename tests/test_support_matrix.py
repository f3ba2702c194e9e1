"""The support matrix: every model type has a row, the page says what is tried again here, and a grid that is off by one
patch is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from core.answer import PatchView
from core.vlm.hf.families.context import PromptContext
from core.zoo.checks import grid, subject
from core.zoo.matrix import OK, counted, read, try_row, write
from core.zoo.registry import recipes
from core.zoo.wrong import Wrong

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "support-matrix.md").read_text(encoding="utf-8")

SOME = ("deepseek_vl", "glm46v")
"""A square grid, and one that follows the picture; `make matrix`, in CI too, tries all of them."""


def test_every_model_type_that_transformers_maps_has_a_row() -> None:
    assert set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES) <= read(PAGE).keys()


def test_the_page_is_read_as_it_was_written() -> None:
    assert write(read(PAGE)) == PAGE


@pytest.mark.parametrize("name", SOME)
def test_a_row_is_what_comes_out_here(name: str, tmp_path: Path) -> None:
    assert try_row(name, tmp_path) == read(PAGE)[name]


def test_the_readme_quotes_the_matrix() -> None:
    counts = counted(read(PAGE).values())
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{counts['tried']} tiny models" in readme
    assert f"{counts['asks like generate']} answer as `generate` does, {counts['grid']} have a proven grid" in readme


def test_a_grid_that_is_off_by_one_patch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = subject(recipes()["llava"](), tmp_path / "llava")
    kind = type(built.model.family)
    true = kind.views

    def shifted(self: object, context: PromptContext) -> tuple[PatchView, ...]:
        views = true(built.model.family, context)
        return tuple(replace(view, positions=(*view.positions[1:], view.positions[0])) for view in views)

    monkeypatch.setattr(kind, "views", shifted)
    with pytest.raises(Wrong, match="should be seen by"):
        grid(built)


def test_the_embedded_models_family_is_right_throughout() -> None:
    row = read(PAGE)["llava"]
    assert {column for column, cell in row.items() if cell.verdict != OK} == {"video"}
