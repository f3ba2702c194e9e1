"""Families whose grid follows the image: it is squashed to multiples of a merged patch, and all of it is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ....answer import PatchView
from ._rasters import Rasters, whole_image
from .base import Family, count_up
from .context import PromptContext


class NativeResolution(Family):
    """Qwen-VL and GLM-4V, whose processors say how many patches there are of each image, and whose positions count on
    three axes."""

    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        if not context.image_sizes:
            return ()
        rasters, merge = Rasters(context.image_positions), context.config.vision_config.spatial_merge_size
        grids = context.inputs["image_grid_thw"].tolist()
        for image, (size, (_, down, across)) in enumerate(zip(context.image_sizes, grids, strict=True)):
            rasters.add(image, "picture", down // merge, across // merge, whole_image(size))
        return rasters.all()

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        inputs = context.inputs
        if "image_grid_thw" not in inputs:
            return count_up(inputs).expand(3, -1)
        positions, _ = context.network.model.get_rope_index(
            inputs["input_ids"],
            mm_token_type_ids=inputs["mm_token_type_ids"],
            image_grid_thw=inputs["image_grid_thw"],
        )
        axes: Tensor = positions[:, 0]
        return axes


def merged_places(visual: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "image_token merged"]:
    """The places of each image token in a tower that holds the patches which become one beside each other."""
    grids = inputs["image_grid_thw"]
    places = torch.arange(int(grids.prod(-1).sum()), device=grids.device)
    return places.view(-1, visual.spatial_merge_size**2)
