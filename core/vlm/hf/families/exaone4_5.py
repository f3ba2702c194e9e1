"""EXAONE 4.5: the grid and the windows of Qwen2.5-VL; positions count on one axis."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from .base import count_up
from .context import PromptContext
from .qwen2_5_vl import Qwen25VL


class Exaone45(Qwen25VL):
    """EXAONE 4.5."""

    key = "exaone4_5"
    name = "EXAONE 4.5"
    model_types = ("exaone4_5",)
    video = ""

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        return count_up(context.inputs)
