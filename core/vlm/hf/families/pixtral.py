"""Pixtral and Mistral 3: a grid that follows the picture, with a token of another kind after each row.

Their processor needs torchvision (`PixtralProcessor` is not made without it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ....answer import PatchView
from .base import Family, ImageSize
from .rasters import Rasters, whole_image


@dataclass(frozen=True)
class Pixtral(Family):
    """Pictures are squashed to whole patches, and several are padded to one size; `image_sizes` are those without
    the padding."""

    def fits(self, config: Any) -> bool:
        # Pixtral's checkpoints call themselves llava.
        return super().fits(config) and bool(config.vision_config.model_type == "pixtral")

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
        rasters = Rasters(image_positions)
        patch = config.vision_config.patch_size * getattr(config, "spatial_merge_size", 1)
        for image, (size, (height, width)) in enumerate(zip(sizes, inputs["image_sizes"].tolist(), strict=True)):
            rasters.add(image, "picture", height // patch, width // patch, whole_image(size))
        return rasters.all()


FAMILIES = (Pixtral(name="pixtral", model_types=("llava",)), Pixtral(name="mistral3", model_types=("mistral3",)))
