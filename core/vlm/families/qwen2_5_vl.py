"""Qwen2.5-VL: a grid that follows the picture's shape, merged 2 x 2, with rotary positions on three axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Int
from torch import Tensor

from core.answer import PatchView
from core.vlm.families.base import Family, ImageSize, count_up


@dataclass(frozen=True)
class Qwen25VL(Family):
    """Qwen2.5-VL. The picture is squashed to multiples of the merged patch, so the raster covers all of it."""

    name: str = "qwen2_5_vl"
    model_types: tuple[str, ...] = ("qwen2_5_vl",)
    shares_prefix: bool = True

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
        merge = config.vision_config.spatial_merge_size
        views: list[PatchView] = []
        start = 0
        for image, (size, grid) in enumerate(zip(sizes, inputs["image_grid_thw"].tolist(), strict=True)):
            rows, columns = grid[1] // merge, grid[2] // merge
            views.append(
                PatchView(
                    image=image,
                    name="picture",
                    rows=rows,
                    columns=columns,
                    box=(0.0, 0.0, float(size[0]), float(size[1])),
                    positions=tuple(image_positions[start : start + rows * columns]),
                )
            )
            start += rows * columns
        return tuple(views)

    def positions(self, network: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "axes position"] | None:
        if "image_grid_thw" not in inputs:
            return count_up(inputs).expand(3, -1)
        positions, _ = network.model.get_rope_index(
            inputs["input_ids"],
            mm_token_type_ids=inputs["mm_token_type_ids"],
            image_grid_thw=inputs["image_grid_thw"],
        )
        axes: Tensor = positions[:, 0]
        return axes


FAMILY = Qwen25VL()
