"""In which size the vision tower gets each view, read off what the processor gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...answer import PatchView
from .families.context import PromptContext


def with_sizes(views: Sequence[PatchView], context: PromptContext) -> tuple[PatchView, ...]:
    """The views of a prompt with `resized`, where what the processor gives the tower is one picture for each of them,
    with the square patches that their grid says; as they are otherwise."""
    given = _given(context)
    if len(given) != len(views):
        return tuple(views)
    return tuple(
        replace(view, resized=(width, height)) if width * view.rows == height * view.columns else view
        for view, (width, height) in zip(views, given, strict=True)
    )


def _given(context: PromptContext) -> list[tuple[int, int]]:
    """Width and height of each picture that the tower gets; none where they are cut into patches of an unknown size."""
    inputs: Any = context.inputs
    if "image_grid_thw" in inputs:
        patch = getattr(getattr(context.config, "vision_config", None), "patch_size", None)
        grids = inputs["image_grid_thw"].tolist()
        return [(across * patch, down * patch) for _, down, across in grids] if isinstance(patch, int) else []
    pixels = inputs.get("pixel_values")
    if pixels is None or pixels.ndim not in (4, 5):
        return []
    height, width = pixels.shape[-2:]
    number = pixels.shape[:-3].numel()
    if pixels.ndim == 4 and "image_sizes" in inputs and len(inputs["image_sizes"]) == number:
        # Padded to one size: these are the sizes without the padding.
        return [(across, down) for down, across in inputs["image_sizes"].tolist()]
    return [(width, height)] * number
