"""Every family is found and describes itself; a new file is all that a new one takes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import transformers
from PIL import Image

import core.vlm.hf.families as package
from core.answer import Decoding, Question
from core.plugins import description
from core.vlm.generation import ask
from core.vlm.hf.families.base import Family
from core.vlm.hf.families.registry import families, family_of
from core.vlm.loading import ModelSpec, load_model
from tests.families import save_idefics2

A_FAMILY = '''
"""An architecture of a test."""

from core.vlm.hf.families._rasters import Rasters, whole_image
from core.vlm.hf.families.base import Family


class Novel(Family):
    """Eight tokens of every image, as if they were a grid."""

    key = "novel"
    name = "Novel"
    model_types = {types!r}
    vision_types = {towers!r}

    def image_grid(self, context):
        return "2 x 4"

    def views(self, context):
        rasters = Rasters(context.image_positions)
        for image, size in enumerate(context.image_sizes):
            rasters.add(image, "picture", 2, 4, whole_image(size))
        return rasters.all()
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder that counts as the package's."""
    own = tmp_path / "families"
    own.mkdir()
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(own)])
    families.cache_clear()
    importlib.invalidate_caches()
    yield own
    families.cache_clear()
    sys.modules.pop("core.vlm.hf.families.novel", None)


def write(folder: Path, *types: str, towers: tuple[str, ...] = ()) -> None:
    (folder / "novel.py").write_text(A_FAMILY.format(types=types, towers=towers), encoding="utf-8")


def test_every_family_describes_itself() -> None:
    described = families()
    assert {"llava", "qwen2_5_vl", "gemma3", "internvl", "pixtral"} <= set(described)
    names = [family.name for family in described.values()]
    assert names == sorted(names) and len(set(names)) == len(names)
    assert all(description(family) != description(Family) for family in described.values())


def test_a_model_of_a_new_family_loads_and_answers(folder: Path, tmp_path: Path, picture: Image.Image) -> None:
    # (one kind of tower goes before the family that takes any)
    write(folder, "idefics2", towers=("idefics2_vision",))
    model = load_model(ModelSpec(str(save_idefics2(tmp_path / "model")), device="cpu"))
    assert (model.card.family, model.card.image_grid) == ("novel", "2 x 4")
    answer = ask(model, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=2)))
    (view,) = answer.layout.views
    assert (view.rows, view.columns, view.box) == (2, 4, (0, 0, *picture.size))


def test_two_families_of_one_model_type_are_refused_by_name(folder: Path) -> None:
    write(folder, "unheard_of", "qwen2_vl")
    with pytest.raises(ValueError, match=r"'novel' and 'qwen2_vl' both claim the model type 'qwen2_vl'"):
        families()


def test_a_family_of_one_kind_of_tower_goes_before_one_of_any(folder: Path) -> None:
    write(folder, "llava", towers=("siglip_vision_model",))
    towers = {"siglip_vision_model": "novel", "clip_vision_model": "llava", "pixtral": "pixtral"}
    for tower, key in towers.items():
        assert family_of(transformers.LlavaConfig(vision_config={"model_type": tower})).key == key


def test_two_families_of_one_kind_of_tower_are_refused_by_name(folder: Path) -> None:
    write(folder, "llava", towers=("pixtral",))
    with pytest.raises(ValueError, match=r"'novel' and 'pixtral' both claim .*'llava' with a tower of type 'pixtral'"):
        families()
