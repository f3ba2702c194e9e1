"""GLM-4V: the grid and the positions of Qwen-VL, and a tower whose patches are merged by a convolution."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ._native_resolution import NativeResolution, merged_places
from .base import Tower
from .context import PromptContext


class GLM4V(NativeResolution):
    """GLM-4V, 4.5V, 4.6V and GLM-OCR. Their tower holds the patches that become one image token beside each other."""

    key = "glm4v"
    name = "GLM-4V, GLM-4.5V, GLM-4.6V, GLM-OCR"
    model_types = ("glm4v", "glm4v_moe", "glm46v", "glmga", "glm_ocr")

    def tower(self, context: PromptContext) -> Tower | None:
        visual = context.network.model.visual
        merge = visual.spatial_merge_size

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            blocks = visual.post_layernorm(states).view(-1, merge, merge, states.shape[-1]).permute(0, 3, 1, 2)
            hidden: Tensor = visual.merger(visual.downsample(blocks).flatten(1))
            return hidden[None]

        projector = torch.nn.ModuleList([visual.post_layernorm, visual.downsample, visual.merger])
        return Tower(visual.blocks, merged_places(visual, context.inputs), projector, project)
