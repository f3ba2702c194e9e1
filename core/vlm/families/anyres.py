"""LLaVA-NeXT and LLaVA-OneVision: the whole picture squashed into a square, then the picture once more over as many
squares as suit its shape, less the padding around it and with a token behind each row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Int
from torch import Tensor
from transformers.image_processing_utils import select_best_resolution

from core.answer import Box, PatchView
from core.vlm.families.base import Family, ImageSize, count_up
from core.vlm.families.rasters import Rasters, whole


@dataclass(frozen=True)
class AnyResolution(Family):
    """Both families: they differ in that LLaVA-OneVision shrinks a grid that has become too large."""

    shares_prefix: bool = True

    def image_grid(self, config: Any, processor: Any) -> str:
        return "a square, and one that follows the picture"

    def views(
        self,
        config: Any,
        processor: Any,
        inputs: Mapping[str, Tensor],
        sizes: Sequence[ImageSize],
        image_positions: Sequence[int],
    ) -> tuple[PatchView, ...]:
        rasters = Rasters(image_positions)
        side = config.vision_config.image_size // config.vision_config.patch_size
        for image, size in enumerate(sizes):
            rasters.add(image, "overview", side, side, whole(size))
            rows, columns, box = _fitted(config, size, side)
            rasters.add(image, "detail", rows, columns, box, row_ends=1)
        return rasters.all()

    def positions(self, network: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "axes position"] | None:
        return count_up(inputs)


def _fitted(config: Any, size: ImageSize, side: int) -> tuple[int, int, Box]:
    """Rows, columns and box of the grid that follows a picture, after its padding was cut off.

    Whole rows (or columns) of patches are cut off, so a little padding may stay, or a little of the picture go.
    """
    width, height = size
    square = config.vision_config.image_size
    down, across = select_best_resolution([height, width], config.image_grid_pinpoints)
    rows, columns = down // square * side, across // square * side
    seen_width, seen_height = float(width), float(height)
    if width / height > columns / rows:
        fitted = int(round(height * columns / width, 7))
        kept = rows - 2 * ((rows - fitted) // 2)
        rows, seen_height = kept, kept * width / columns
    else:
        fitted = int(round(width * rows / height, 7))
        kept = columns - 2 * ((columns - fitted) // 2)
        columns, seen_width = kept, kept * height / rows
    most = getattr(config, "vision_aspect_ratio", None)
    if most is not None:
        ratio = math.sqrt(rows * columns / (int(most.removeprefix("anyres_max_")) * side**2))
        if ratio > 1.1:
            rows, columns = int(rows // ratio), int(columns // ratio)
    left, top = (width - seen_width) / 2, (height - seen_height) / 2
    return rows, columns, (left, top, left + seen_width, top + seen_height)


FAMILIES = tuple(AnyResolution(name=kind, model_types=(kind,)) for kind in ("llava_next", "llava_onevision"))
