"""Qwen3-VL: as Qwen2-VL, and what its tower holds after some earlier layers is added to the image tokens after the
decoder's first layers."""

from __future__ import annotations

from operator import itemgetter

import torch
from jaxtyping import Float
from torch import Tensor

from ._native_resolution import NativeResolution, merged_places
from .base import Tower
from .context import PromptContext


class Qwen3VL(NativeResolution):
    """Qwen3-VL, whose makers call what enters later "deepstack"."""

    key = "qwen3_vl"
    name = "Qwen3-VL, Qwen3-VL-MoE"
    model_types = ("qwen3_vl", "qwen3_vl_moe")
    video = "qwen3_vl.Qwen3VLVideoProcessor"

    def tower(self, context: PromptContext) -> Tower | None:
        visual = context.network.model.visual
        # Merger by merger in the order of their layers, in which the tower goes through them.
        later = sorted(
            zip(visual.deepstack_visual_indexes, visual.deepstack_merger_list, strict=True), key=itemgetter(0)
        )
        mergers = torch.nn.ModuleList([visual.merger, *(merger for _, merger in later)])
        reads = (len(visual.blocks), *(layer + 1 for layer, _ in later))

        def project(*states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            return torch.stack([merger(state) for merger, state in zip(mergers, states, strict=True)])

        return Tower(visual.blocks, merged_places(visual, context.inputs), mergers, project, reads, len(reads))
