"""Is an image token's box really the part of the picture that the token sees?

The oracle knows nothing of grids. The vision tower gets an attention in which every token sees itself alone, parts
of the original picture are lit and go through the real processor, and the tokens whose features change are exactly
those that saw the part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.answer import PatchView, Question, TokenKind, TokenLayout
from core.vlm.hf.families._rasters import Misfit, Rasters
from core.vlm.hf.families.context import PromptContext
from core.vlm.hf.families.llava import seen_box
from core.vlm.hf.families.registry import family_of
from core.vlm.hf.network import TransformersModel
from core.zoo.strips import blinkers, check_strips, features
from tests.families import (
    save_aya_vision,
    save_gemma3,
    save_internvl,
    save_llava_next,
    save_mistral3,
    save_pixtral,
    save_smolvlm,
)
from tests.zoo import load, save_deepstack


@pytest.fixture
def blinkered(model: TransformersModel) -> Iterator[TransformersModel]:
    """A model whose image tokens know nothing of each other."""
    with blinkers(model):
        yield model


@pytest.mark.parametrize("size", [(112, 112), (240, 160), (90, 200), (61, 47)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_lit_strip_is_seen_by_the_tokens_whose_boxes_it_crosses(
    blinkered: TransformersModel, size: tuple[int, int], axis: int
) -> None:
    check_strips(blinkered, size, axis, 7, resizings=1)


@pytest.mark.parametrize(
    "save", [save_aya_vision, save_deepstack, save_gemma3, save_internvl, save_llava_next, save_smolvlm]
)
def test_every_view_of_a_picture_in_several_is_where_it_says(save: Callable[[Path], Path], tmp_path: Path) -> None:
    model = load(save(tmp_path))
    with blinkers(model):
        for size, axis in (((240, 160), 0), ((61, 190), 1), ((90, 200), 0)):
            check_strips(model, size, axis, 4, resizings=2)


@pytest.mark.parametrize("save", [save_pixtral, save_mistral3])
def test_pixtral_squashes_a_picture_into_its_grid(save: Callable[[Path], Path], tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="the processor of Pixtral and Mistral 3 needs torchvision")
    model = load(save(tmp_path))
    with blinkers(model):
        for size, axis in (((240, 160), 0), ((61, 190), 1), ((90, 200), 0)):
            check_strips(model, size, axis, 4, resizings=1)


@pytest.mark.parametrize(("merge", "name"), [(1, "pixtral"), (2, "mistral3")])
def test_pixtrals_grid_is_that_of_its_image_processor(merge: int, name: str) -> None:
    vision = {"model_type": "pixtral", "patch_size": 14}
    config = (
        transformers.LlavaConfig(vision_config=vision)
        if merge == 1
        else transformers.Mistral3Config(vision_config=vision, spatial_merge_size=merge)
    )
    patch = {"height": 14 * merge, "width": 14 * merge}
    images = transformers.PixtralImageProcessorPil(patch_size=patch, size={"longest_edge": 112})
    sizes = [(224, 112), (30, 90)]
    inputs = images(images=[Image.new("RGB", size) for size in sizes], return_tensors="pt")
    grids = [(4 // merge, 8 // merge), (-(-7 // merge), -(-3 // merge))]
    tokens = sum(rows * columns for rows, columns in grids)
    family = family_of(config)
    assert family.key == name
    views = family.views(PromptContext(config, None, None, inputs, sizes, range(tokens)))
    assert [(view.rows, view.columns) for view in views] == grids
    assert [view.box for view in views] == [(0, 0, 224, 112), (0, 0, 30, 90)]


@pytest.mark.parametrize("size", [(150, 100), (100, 170)])
def test_a_lit_patch_is_seen_most_by_the_token_of_its_box(blinkered: TransformersModel, size: tuple[int, int]) -> None:
    base = np.full((size[1], size[0], 3), 110, np.uint8)
    layout, before = features(blinkered, base)
    (view,) = layout.views
    for index in range(view.rows * view.columns):
        left, top, right, bottom = (round(edge) for edge in view.patch_box(index))
        bright = base.copy()
        bright[max(0, top) : bottom, max(0, left) : right] = 190
        _, after = features(blinkered, bright)
        assert int((after - before).norm(dim=-1).argmax()) == index


def test_two_pictures_have_views_of_their_own(model: TransformersModel, picture: Image.Image) -> None:
    other = picture.resize((60, 140))
    layout = model.prepare(Question("Which is taller?", images=(picture, other))).layout
    first, second = layout.views
    assert (first.image, second.image) == (0, 1)
    assert layout.image_sizes == ((120, 80), (60, 140))
    assert first.positions + second.positions == layout.positions(TokenKind.IMAGE)
    assert max(first.positions) < min(second.positions)


def test_the_qwen_grid_follows_the_picture(qwen: TransformersModel, picture: Image.Image) -> None:
    tall = qwen.prepare(Question("What?", images=(picture.resize((80, 160)),))).layout.views[0]
    at_least_float32 = qwen.prepare(Question("What?", images=(picture.resize((160, 80)),))).layout.views[0]
    assert tall.rows > tall.columns
    assert (at_least_float32.rows, at_least_float32.columns) == (tall.columns, tall.rows)
    assert tall.box == (0, 0, 80, 160)


PROCESSORS = {
    "crop": transformers.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
    "larger crop": transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 40}, crop_size={"height": 56, "width": 56}
    ),
    "squash": transformers.CLIPImageProcessorPil(size={"height": 56, "width": 56}, do_center_crop=False),
    "pad": transformers.LlavaImageProcessorPil(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}, do_pad=True
    ),
}


@given(
    name=st.sampled_from(sorted(PROCESSORS)),
    width=st.integers(30, 250),
    height=st.integers(30, 250),
)
def test_the_seen_box_is_where_the_processor_took_its_pixels_from(name: str, width: int, height: int) -> None:
    """A picture whose pixels are their own coordinates, through the real processor, says where each patch was."""
    processor = PROCESSORS[name]
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns, rows, np.full_like(rows, 200)], -1).astype(np.uint8)
    options = {"do_normalize": False, "do_rescale": False, "return_tensors": "np"}
    seen = processor(Image.fromarray(pixels), **options)["pixel_values"][0].astype(float)
    box = seen_box(processor, (width, height))
    view = PatchView(0, "crop", 4, 4, box, tuple(range(16)))
    for index in range(16):
        row, column = divmod(index, 4)
        patch = seen[:, row * 14 : row * 14 + 14, column * 14 : column * 14 + 14]
        if abs(patch[2] - 200).max() > 1:
            continue  # touched by padding, whose colour is no coordinate
        left, top, right, bottom = view.patch_box(index)
        # Pixel k covers k to k + 1, and rounding to whole numbers costs half a pixel each way.
        assert abs(patch[0].mean() + 0.5 - (left + right) / 2) < 1.2
        assert abs(patch[1].mean() + 0.5 - (top + bottom) / 2) < 1.2


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    left=st.floats(-50, 50),
    top=st.floats(-50, 50),
    width=st.floats(1, 400),
    height=st.floats(1, 400),
)
def test_patch_boxes_tile_their_view(
    rows: int, columns: int, left: float, top: float, width: float, height: float
) -> None:
    box = (left, top, left + width, top + height)
    view = PatchView(0, "view", rows, columns, box, tuple(range(10, 10 + rows * columns)))
    layout = TokenLayout((TokenKind.SPECIAL,) * 10 + (TokenKind.IMAGE,) * rows * columns, (view,), ((9, 9),))
    boxes = [layout.box(position) for position in view.positions]
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in boxes if b is not None]
    assert sum(areas) == pytest.approx(width * height)
    for index, box in enumerate(boxes):
        assert box is not None
        if (index + 1) % columns:
            assert box[2] == pytest.approx(boxes[index + 1][0])  # type: ignore[index]
        if index + columns < len(boxes):
            assert box[3] == pytest.approx(boxes[index + columns][1])  # type: ignore[index]
    assert layout.box(3) is None


def test_an_unknown_family_claims_no_boxes() -> None:
    config = transformers.FuyuConfig()
    family = family_of(config)
    assert (family.key, family.shares_prefix) == ("fuyu", False)
    assert family.views(PromptContext(config, None, image_sizes=[(10, 10)], image_positions=[1, 2])) == ()


@pytest.mark.parametrize("positions", [(4, 5, 6), (4, 5, 6, 7, 8)])
def test_views_that_do_not_fit_a_prompts_image_tokens_are_not_claimed(positions: tuple[int, ...]) -> None:
    rasters = Rasters(positions)
    rasters.add(0, "picture", 2, 2, (0, 0, 8, 8))
    with pytest.raises(Misfit, match=rf"4 image tokens \(picture 2 x 2\), and there are {len(positions)}"):
        rasters.all()


@pytest.mark.parametrize("positions", [(), tuple(range(15)), tuple(range(17))])
def test_a_view_has_as_many_positions_as_cells(positions: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"4 x 4 cells cannot be laid over {len(positions)} positions"):
        PatchView(0, "crop", 4, 4, (0, 0, 8, 8), positions)


def test_a_declared_grid_that_does_not_fit_is_said_with_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(save_internvl(tmp_path))
    monkeypatch.setattr(type(model.family), "side", lambda *_: 3)
    layout = model.prepare(Question("What?", images=(Image.new("RGB", (56, 56)),))).layout
    assert layout.views == ()
    assert "declared for InternVL, Qianfan-OCR does not fit" in layout.unplaced
    assert "takes 9 image tokens (overview 3 x 3), and there are 4" in layout.unplaced
