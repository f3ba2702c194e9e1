"""Qwen2-VL: as its successor, with a vision tower that looks at all of a picture in every layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from .base import Tower
from .native_resolution import NativeResolution, merged_places


@dataclass(frozen=True)
class Qwen2VL(NativeResolution):
    """Qwen2-VL. Its tower holds the patches that become one image token beside each other."""

    name: str = "qwen2_vl"
    model_types: tuple[str, ...] = ("qwen2_vl",)
    stacks: bool = True

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        visual = network.model.visual

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = visual.merger(states)
            return hidden[None]

        return Tower(visual.blocks, merged_places(visual, inputs), visual.merger, project)


FAMILY = Qwen2VL()
