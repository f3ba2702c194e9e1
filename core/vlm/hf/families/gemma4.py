"""Gemma 4: a grid that follows the image, each of whose tokens is the mean of several patches."""

from __future__ import annotations

from ....answer import PatchView
from ._rasters import Rasters, whole_image
from .base import Family
from .context import PromptContext


class Gemma4(Family):
    """Gemma 4. Images are squashed to whole tokens; how many patches there are each way, the processor says. The tokens
    of an image may see each other both ways, so nothing of a prompt is kept. Its tower is not described."""

    key = "gemma4"
    name = "Gemma 4"
    model_types = ("gemma4",)

    def image_grid(self, context: PromptContext) -> str:
        return "follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        if not context.image_sizes:
            return ()
        rasters, pooled = Rasters(context.image_positions), context.config.vision_config.pooling_kernel_size
        for image, size in enumerate(context.image_sizes):
            # Patches that pad the sequence have -1.
            across, down = (context.inputs["image_position_ids"][image].amax(0) + 1).tolist()
            rasters.add(image, "picture", down // pooled, across // pooled, whole_image(size))
        return rasters.all()
