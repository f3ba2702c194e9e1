"""Families whose grid follows the image: it is squashed to multiples of a merged patch, and all of it is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ....answer import PatchView
from ....clips import Clip
from ._rasters import Rasters, whole_image
from .base import Family, count_up
from .context import PromptContext

GRIDS = {"image": "image_grid_thw", "video": "video_grid_thw"}
"""In which input the frames, rows and columns of patches of each picture and of each video stand."""


def grids_of(inputs: Mapping[str, Tensor]) -> dict[str, Iterator[list[int]]]:
    """The frames, rows and columns of patches of each picture, and of each video, one after the other."""
    return {kind: iter(inputs[name].tolist() if name in inputs else ()) for kind, name in GRIDS.items()}


class NativeResolution(Family):
    """Qwen-VL and GLM-4V, whose processors say how many patches there are of each image, and whose positions count on
    three axes."""

    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        if not context.image_sizes:
            return ()
        rasters, vision = Rasters(context.image_positions), context.config.vision_config
        merge, grids = vision.spatial_merge_size, grids_of(context.inputs)
        for visual in context.visuals:
            if isinstance(visual, Clip):
                _, down, across = next(grids["video"])
                box = whole_image(context.image_sizes[visual.first])
                rasters.add_frames(visual, down // merge, across // merge, box, vision.temporal_patch_size)
            else:
                _, down, across = next(grids["image"])
                rasters.add(visual, "picture", down // merge, across // merge, whole_image(context.image_sizes[visual]))
        return rasters.all()

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        inputs = context.inputs
        if not any(name in inputs for name in GRIDS.values()):
            return count_up(inputs).expand(3, -1)
        told = {name: inputs[name] for name in (*GRIDS.values(), "second_per_grid_ts") if name in inputs}
        positions, _ = context.network.model.get_rope_index(
            inputs["input_ids"], mm_token_type_ids=inputs["mm_token_type_ids"], **told
        )
        axes: Tensor = positions[:, 0]
        return axes


def merged_places(visual: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "image_token merged"]:
    """The places of each image token in a tower that holds the patches which become one beside each other."""
    grids = inputs["image_grid_thw"]
    places = torch.arange(int(grids.prod(-1).sum()), device=grids.device)
    return places.view(-1, visual.spatial_merge_size**2)
