"""PaliGemma and Gemma 3: a square grid over the whole picture, which is squashed into a square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ....answer import PatchView
from .base import Family, ImageSize, Tower
from .rasters import Rasters, whole_image
from .squares import encoder_layers, image_tokens, square_places


@dataclass(frozen=True)
class Squashed(Family):
    """A family whose pictures become a square, each of as many tokens as the processor says."""

    def image_grid(self, config: Any, processor: Any) -> str:
        side = isqrt(processor.image_seq_length)
        return f"{side} x {side}"

    def views(
        self,
        config: Any,
        processor: Any,
        inputs: Mapping[str, Tensor],
        sizes: Sequence[ImageSize],
        image_positions: Sequence[int],
    ) -> tuple[PatchView, ...]:
        rasters, side = Rasters(image_positions), isqrt(processor.image_seq_length)
        for image, size in enumerate(sizes):
            rasters.add(image, "picture", side, side, whole_image(size))
        # Gemma 3 can be told to add crops ("pan and scan"), which leaves positions over.
        return rasters.all()

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        vision, projector = network.model.vision_tower, network.model.multi_modal_projector
        layers = encoder_layers(vision)
        if layers is None:
            return None
        images = inputs["pixel_values"].shape[0]
        side = vision.config.image_size // vision.config.patch_size
        # Gemma 3 takes the mean of several patches for a token.
        pooled = side // isqrt(image_tokens(network, inputs) // images)

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = projector(vision.post_layernorm(states).view(images, side**2, -1))
            return hidden.flatten(0, 1)[None]

        place_of = square_places(images, side, pooled).to(inputs["input_ids"].device)
        return Tower(layers, place_of, torch.nn.ModuleList([vision.post_layernorm, projector]), project)


FAMILIES = (
    # Type 0 is the prefix, whose positions see each other both ways: it would see an answer of that type.
    Squashed(name="paligemma", model_types=("paligemma",), answer_type=1),
    Squashed(name="gemma3", model_types=("gemma3",)),
)
