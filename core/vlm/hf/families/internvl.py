"""InternVL: the canvas of tiles whose shape is nearest to the image's."""

from __future__ import annotations

from math import isqrt

import torch
from jaxtyping import Float
from torch import Tensor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

from ._squares import class_tokens, layers_read, square_places
from ._tiled import Tiled
from .base import Tower
from .context import ImageSize, PromptContext


class InternVL(Tiled):
    """InternVL, whose patches are merged between the tower and the projector."""

    key = "internvl"
    name = "InternVL, Qianfan-OCR"
    model_types: tuple[str, ...] = ("internvl", "qianfan_ocr")

    def tiles(self, context: PromptContext, size: ImageSize) -> tuple[int, int]:
        processor = context.processor
        images = processor.image_processor
        if not images.crop_to_patches and processor.images_kwargs.get("crop_to_patches") is not True:
            return 1, 1
        width, height = size
        tile_size = (images.size["height"], images.size["width"])
        columns, rows = get_optimal_tiled_canvas((height, width), tile_size, images.min_patches, images.max_patches)
        return rows, columns

    def side(self, context: PromptContext) -> int:
        return isqrt(context.processor.image_seq_length)

    def tower(self, context: PromptContext) -> Tower | None:
        base, config, read = context.network.model, context.config, layers_read(context.network)
        if read is None:
            return None
        tiles, merged = context.inputs["pixel_values"].shape[0], round(1 / config.downsample_ratio)
        side = isqrt(len(context.image_positions) // tiles) * merged
        skipped = class_tokens(config)
        # Only what the last layer leaves is normed, and only in some checkpoints.
        norm = base.vision_tower.layernorm if config.vision_feature_layer == -1 else torch.nn.Identity()

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            seen = norm(states).view(tiles, -1, states.shape[-1])[:, skipped:].reshape(tiles, side, side, -1)
            blocks = base.pixel_shuffle(seen, scale_factor=config.downsample_ratio).flatten(0, 2)
            hidden: Tensor = base.multi_modal_projector(blocks)
            return hidden[None]

        place_of = square_places(tiles, side, merged, skipped).to(context.inputs["input_ids"].device)
        return Tower(read[0], place_of, torch.nn.ModuleList([norm, base.multi_modal_projector]), project)
