"""Qwen3-VL: as Qwen2-VL, and what its tower holds after some earlier layers is added to the image tokens after the
decoder's first layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .base import Tower
from .native_resolution import NativeResolution, merged_places


@dataclass(frozen=True)
class Qwen3VL(NativeResolution):
    """Qwen3-VL, whose makers call what enters later "deepstack"."""

    name: str = "qwen3_vl"
    model_types: tuple[str, ...] = ("qwen3_vl",)

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        visual = network.model.visual
        # Merger by merger in the order of their layers, in which the tower goes through them.
        later = sorted(
            zip(visual.deepstack_visual_indexes, visual.deepstack_merger_list, strict=True), key=itemgetter(0)
        )
        mergers = torch.nn.ModuleList([visual.merger, *(merger for _, merger in later)])
        reads = (len(visual.blocks), *(layer + 1 for layer, _ in later))

        def project(*states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            return torch.stack([merger(state) for merger, state in zip(mergers, states, strict=True)])

        return Tower(visual.blocks, merged_places(visual, inputs), mergers, project, reads, len(reads))


FAMILY = Qwen3VL()
