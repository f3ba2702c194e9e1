"""VideoLLaMA 3: a grid that follows the image, merged as its processor says; positions count on one axis."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from ....answer import PatchView
from ._rasters import Rasters, whole_image
from .base import Family, count_up
from .context import PromptContext


class VideoLlama3(Family):
    """VideoLLaMA 3 as a model of images. Its tower is not described."""

    key = "video_llama_3"
    name = "VideoLLaMA 3"
    model_types = ("video_llama_3",)
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        if not context.image_sizes:
            return ()
        rasters, inputs = Rasters(context.image_positions), context.inputs
        grids, merges = inputs["image_grid_thw"].tolist(), inputs["image_merge_sizes"].tolist()
        for image, (size, (_, down, across), merge) in enumerate(zip(context.image_sizes, grids, merges, strict=True)):
            rasters.add(image, "picture", down // merge, across // merge, whole_image(size))
        return rasters.all()

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        return count_up(context.inputs)
