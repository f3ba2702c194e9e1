"""HyperCLOVA X SEED Vision: the grid and the tower of Qwen2.5-VL; positions count on one axis."""

from __future__ import annotations

from .base import Tower
from .context import PromptContext
from .exaone4_5 import Exaone45


class HyperCLOVAXVision(Exaone45):
    """HyperCLOVA X SEED Vision. What stands between its tower and the decoder is not described."""

    key = "hyperclovax_vision_v2"
    name = "HyperCLOVA X SEED Vision"
    model_types = ("hyperclovax_vision_v2",)

    def tower(self, context: PromptContext) -> Tower | None:
        return None
