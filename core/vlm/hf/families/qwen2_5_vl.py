"""Qwen2.5-VL: a grid that follows the picture's shape, merged 2 x 2, with rotary positions on three axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers.vision_utils import get_vision_window_index

from .base import Tower
from .native_resolution import NativeResolution


@dataclass(frozen=True)
class Qwen25VL(NativeResolution):
    """Qwen2.5-VL."""

    name: str = "qwen2_5_vl"
    model_types: tuple[str, ...] = ("qwen2_5_vl",)
    stacks: bool = True

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

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = visual.merger(states)
            return hidden[None, back]

        place_of = back[:, None] * merged + torch.arange(merged, device=back.device)
        return Tower(visual.blocks, place_of, visual.merger, project)


FAMILY = Qwen25VL()
