"""Qwen2.5-VL: a grid that follows the picture's shape, merged 2 x 2, with rotary positions on three axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.vision_utils import get_vision_window_index

from core.vlm.families.base import Tower, count_up
from core.vlm.families.following import FollowsPicture


@dataclass(frozen=True)
class Qwen25VL(FollowsPicture):
    """Qwen2.5-VL."""

    name: str = "qwen2_5_vl"
    model_types: tuple[str, ...] = ("qwen2_5_vl",)
    shares_prefix: bool = True
    stacks: bool = True

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
