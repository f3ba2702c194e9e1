"""Is a view resized to what it says? Held against the pixels that the processor gives the tower."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Question
from core.vlm.hf.network import TransformersModel
from tests.families import save_gemma3, save_internvl, save_llava_next, save_smolvlm
from tests.zoo import load, save_llava


def slope(width: int, height: int) -> Image.Image:
    """Red to the right, green downwards, blue to both."""
    right, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([right, down, (right + down) / 2], -1).astype(np.uint8))


@pytest.mark.parametrize("save", [save_llava, save_gemma3, save_internvl, save_smolvlm])
def test_the_tower_gets_each_view_in_the_size_that_it_says(save: Callable[[Path], Path], tmp_path: Path) -> None:
    image = slope(240, 160)
    prepared = load(save(tmp_path)).prepare(Question("What?", (image,)))
    pixels = prepared.inputs["pixel_values"].flatten(0, -4).float()
    assert len(prepared.layout.views) == len(pixels)
    for view, given in zip(prepared.layout.views, pixels, strict=True):
        assert view.resized is not None
        cut = image.resize(view.resized, Image.Resampling.BICUBIC, box=view.box)
        wanted, there = np.asarray(cut).reshape(-1, 3), given.permute(1, 2, 0).reshape(-1, 3).numpy()
        assert np.corrcoef(wanted.T, there.T)[:3, 3:].diagonal().min() > 0.99


def test_a_grid_that_follows_the_picture_has_the_patches_of_its_size(qwen: TransformersModel) -> None:
    prepared = qwen.prepare(Question("What?", (slope(240, 160), slope(61, 190))))
    patch = qwen.network.config.vision_config.patch_size
    sizes = [view.resized for view in prepared.layout.views]
    assert all(size is not None for size in sizes)
    patches = sum(size[0] // patch * (size[1] // patch) for size in sizes if size is not None)
    assert patches == len(prepared.inputs["pixel_values"])


def test_a_grid_over_several_squares_says_no_size(tmp_path: Path) -> None:
    prepared = load(save_llava_next(tmp_path)).prepare(Question("What?", (slope(240, 160),)))
    assert [view.resized for view in prepared.layout.views] == [None, None]
