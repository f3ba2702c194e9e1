"""Qwen2.5-VL: a grid that follows the image's shape, merged 2 x 2, with rotary positions on three axes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from transformers.vision_utils import get_vision_window_index

from ._native_resolution import NativeResolution
from .base import Tower
from .context import PromptContext


class Qwen25VL(NativeResolution):
    """Qwen2.5-VL. Most layers of its tower look at windows of the image, in whose order it holds the patches."""

    key = "qwen2_5_vl"
    name = "Qwen2.5-VL"
    model_types = ("qwen2_5_vl",)
    video = "qwen2_vl.Qwen2VLVideoProcessor"
    stacks = True

    def tower(self, context: PromptContext) -> Tower | None:
        visual = context.network.model.visual
        order, _ = get_vision_window_index(
            context.inputs["image_grid_thw"],
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
