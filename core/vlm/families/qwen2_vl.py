"""Qwen2-VL: as its successor, with a vision tower that looks at all of a picture in every layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.vlm.families.base import Tower
from core.vlm.families.following import FollowsPicture


@dataclass(frozen=True)
class Qwen2VL(FollowsPicture):
    """Qwen2-VL. Its tower holds the patches that become one image token beside each other."""

    name: str = "qwen2_vl"
    model_types: tuple[str, ...] = ("qwen2_vl",)
    stacks: bool = True

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        visual, grids = network.model.visual, inputs["image_grid_thw"]
        places = torch.arange(int(grids.prod(-1).sum()), device=grids.device)
        return Tower(visual.blocks, places.view(-1, visual.spatial_merge_size**2), visual.merger, visual.merger)


FAMILY = Qwen2VL()
