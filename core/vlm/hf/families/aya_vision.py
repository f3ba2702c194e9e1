"""Aya Vision: the tiles of InternVL over a SigLIP, and a projector that merges patches itself."""

from __future__ import annotations

from math import isqrt

import torch
from jaxtyping import Float
from torch import Tensor

from ._squares import class_tokens, layers_read, square_places
from .base import Tower
from .context import PromptContext
from .internvl import InternVL


class AyaVision(InternVL):
    """Aya Vision."""

    key = "aya_vision"
    name = "Aya Vision"
    model_types = ("aya_vision",)

    def side(self, context: PromptContext) -> int:
        vision = context.config.vision_config
        return int(vision.image_size // vision.patch_size // context.config.downsample_factor)

    def tower(self, context: PromptContext) -> Tower | None:
        config, read = context.config, layers_read(context.network)
        if read is None:
            return None
        layers, reads = read
        projector = context.network.model.multi_modal_projector
        tiles, merged = context.inputs["pixel_values"].shape[0], config.downsample_factor
        side = isqrt(len(context.image_positions) // tiles) * merged
        skipped = class_tokens(config)

        def project(*states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            beside = torch.cat(states, -1)
            hidden: Tensor = projector(beside.view(tiles, -1, beside.shape[-1])[:, skipped:])
            return hidden.flatten(0, -2)[None]

        place_of = square_places(tiles, side, merged, skipped).to(context.inputs["input_ids"].device)
        return Tower(layers, place_of, projector, project, reads)
