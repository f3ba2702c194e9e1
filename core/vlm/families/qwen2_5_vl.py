"""Qwen2.5-VL: a grid that follows the picture's shape, merged 2 x 2, with rotary positions on three axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.vision_utils import get_vision_window_index

from core.answer import PatchView
from core.vlm.families.base import Family, ImageSize, Tower, count_up


@dataclass(frozen=True)
class Qwen25VL(Family):
    """Qwen2.5-VL. The picture is squashed to multiples of the merged patch, so the raster covers all of it."""

    name: str = "qwen2_5_vl"
    model_types: tuple[str, ...] = ("qwen2_5_vl",)
    shares_prefix: bool = True
    stacks: bool = True

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

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        visual = network.model.visual
        order, _ = get_vision_window_index(
            inputs["image_grid_thw"],
            spatial_merge_size=visual.spatial_merge_size,
            window_size=visual.window_size,
            patch_size=visual.patch_size,
        )
        # Image token -> where its merged places stand in the order of the windows.
        back = torch.argsort(order)
        merged = visual.spatial_merge_unit

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "image_token hidden"]:
            hidden: Tensor = visual.merger(states)
            return hidden[back]

        place_of = back[:, None] * merged + torch.arange(merged, device=back.device)
        return Tower(visual.blocks, place_of, visual.merger, project)


FAMILY = Qwen25VL()
