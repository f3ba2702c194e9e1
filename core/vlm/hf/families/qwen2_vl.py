"""Qwen2-VL: as its successor, with a vision tower that looks at all of an image in every layer."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ._native_resolution import NativeResolution, merged_places
from .base import Tower
from .context import PromptContext


class Qwen2VL(NativeResolution):
    """Qwen2-VL. Its tower holds the patches that become one image token beside each other."""

    key = "qwen2_vl"
    name = "Qwen2-VL"
    model_types: tuple[str, ...] = ("qwen2_vl",)
    video = "qwen2_vl.Qwen2VLVideoProcessor"
    stacks = True

    def tower(self, context: PromptContext) -> Tower | None:
        visual = context.network.model.visual

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = visual.merger(states)
            return hidden[None]

        return Tower(visual.blocks, merged_places(visual, context.inputs), visual.merger, project)
