"""PaliGemma and Gemma 3: a square grid over the whole picture, which is squashed into a square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from torch import Tensor

from core.answer import PatchView
from core.vlm.families.base import Family, ImageSize
from core.vlm.families.rasters import Rasters, whole


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
            rasters.add(image, "picture", side, side, whole(size))
        # Gemma 3 can be told to add crops ("pan and scan"), which leaves positions over.
        return rasters.all()


FAMILIES = (
    # Type 0 is the prefix, whose positions see each other both ways: it would see an answer of that type.
    Squashed(name="paligemma", model_types=("paligemma",), answer_type=1),
    Squashed(name="gemma3", model_types=("gemma3",)),
)
