"""Families whose grid follows the picture: it is squashed to multiples of a merged patch, and all of it is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ....answer import PatchView
from .base import Family, ImageSize, count_up
from .rasters import Rasters, whole_image


@dataclass(frozen=True)
class NativeResolution(Family):
    """Qwen-VL and GLM-4V, whose processors say how many patches there are of each picture, and whose positions count on
    three axes."""

    shares_prefix: bool = True

    def image_grid(self, config: Any, processor: Any) -> str:
        return "follows the picture"

    def views(
        self,
        config: Any,
        processor: Any,
        inputs: Mapping[str, Tensor],
        sizes: Sequence[ImageSize],
        image_positions: Sequence[int],
    ) -> tuple[PatchView, ...]:
        if not sizes:
            return ()
        rasters, merge = Rasters(image_positions), config.vision_config.spatial_merge_size
        for image, (size, (_, down, across)) in enumerate(zip(sizes, inputs["image_grid_thw"].tolist(), strict=True)):
            rasters.add(image, "picture", down // merge, across // merge, whole_image(size))
        return rasters.all()

    def positions(self, network: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "axes position"] | None:
        if "image_grid_thw" not in inputs:
            return count_up(inputs).expand(3, -1)
        positions, _ = network.model.get_rope_index(
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


FAMILIES = (NativeResolution(name="glm4v", model_types=("glm4v",)),)
