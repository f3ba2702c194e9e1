"""LLaVA: one square grid of image tokens over what the processor leaves of the image (mostly a centre crop)."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ....answer import Box, PatchView
from ._rasters import Rasters
from ._squares import class_tokens, has_class_token, layers_read
from .base import Family, Tower, count_up
from .context import ImageSize, PromptContext


def seen_box(processor: Any, size: ImageSize) -> Box:
    """The part of the original image that reaches the vision tower: pad to a square, resize, crop at the centre.

    Follows the image processor's own rounding; the box reaches beyond the image where the processor pads.
    """
    width, height = size
    left = top = 0
    if getattr(processor, "do_pad", False):
        side = max(width, height)
        left, top, width, height = -((side - width) // 2), -((side - height) // 2), side, side
    scaled_width, scaled_height = width, height
    if processor.do_resize:
        wanted = processor.size
        if shortest := wanted.get("shortest_edge"):
            long = int(shortest * max(width, height) / min(width, height))
            scaled_width, scaled_height = (shortest, long) if width <= height else (long, shortest)
        else:
            scaled_width, scaled_height = wanted["width"], wanted["height"]
    crop_left, crop_top, crop_width, crop_height = 0, 0, scaled_width, scaled_height
    if getattr(processor, "do_center_crop", False):
        crop_width, crop_height = processor.crop_size["width"], processor.crop_size["height"]
        crop_left, crop_top = (scaled_width - crop_width) // 2, (scaled_height - crop_height) // 2
    across, down = width / scaled_width, height / scaled_height
    return (
        left + crop_left * across,
        top + crop_top * down,
        left + (crop_left + crop_width) * across,
        top + (crop_top + crop_height) * down,
    )


def _without_first(rasters: Rasters, image: int, rows: int, columns: int, box: Box) -> None:
    """The rasters of a grid that lacks its first patch: what is left of the first row, and the other rows."""
    left, top, right, bottom = box
    across, below = left + (right - left) / columns, top + (bottom - top) / rows
    if columns > 1:
        rasters.add(image, "crop, first row", 1, columns - 1, (across, top, right, below))
    if rows > 1:
        rasters.add(image, "crop", rows - 1, columns, (left, below, right, bottom))


class Llava(Family):
    """LLaVA 1.5, ViP-LLaVA and Sightline's embedded model."""

    key = "llava"
    name = "LLaVA, ViP-LLaVA"
    model_types = ("llava", "vipllava")
    shares_prefix = True
    stacks = True

    def describes(self, config: Any) -> bool:
        return hasattr(config.vision_config, "image_size")

    def image_grid(self, context: PromptContext) -> str:
        side = context.config.vision_config.image_size // context.config.vision_config.patch_size
        return f"{side} x {side}"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        sizes, image_positions = context.image_sizes, context.image_positions
        if not sizes:
            return ()
        patch = context.config.vision_config.patch_size
        rows, columns = (side // patch for side in context.inputs["pixel_values"].shape[-2:])
        rasters, surplus = Rasters(image_positions), len(image_positions) // len(sizes) - rows * columns
        for image, size in enumerate(sizes):
            box = seen_box(context.processor.image_processor, size)
            if surplus == -1 and not has_class_token(context.config.vision_config):
                # The "default" feature selection drops what comes first: without a class token, the first patch.
                _without_first(rasters, image, rows, columns, box)
                continue
            # With the "full" feature selection a class token comes first; it has no place in the image.
            rasters.skip(1 if surplus == 1 else 0)
            rasters.add(image, "crop", rows, columns, box)
        return rasters.all()

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        return count_up(context.inputs)

    def tower(self, context: PromptContext) -> Tower | None:
        read = layers_read(context.network)
        if read is None:
            return None
        layers, reads = read
        images = context.inputs["pixel_values"].shape[0]
        each = len(context.image_positions) // images
        skipped = class_tokens(context.config)
        places = torch.arange(images * (each + skipped), device=context.inputs["input_ids"].device).view(images, -1)
        projector = context.network.model.multi_modal_projector

        def project(*states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            beside = torch.cat(states, -1)
            hidden: Tensor = projector(beside.view(images, -1, beside.shape[-1])[:, skipped:])
            return hidden.flatten(0, 1)[None]

        return Tower(layers, places[:, skipped:].reshape(-1, 1), projector, project, reads)
