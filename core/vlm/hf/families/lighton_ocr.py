"""LightOnOCR: a Mistral 3 without tokens at the ends of rows."""

from __future__ import annotations

from typing import Any

import torch

from .mistral3 import Mistral3


class LightOnOCR(Mistral3):
    """LightOnOCR."""

    key = "lighton_ocr"
    name = "LightOnOCR"
    model_types = ("lighton_ocr",)

    def projector(self, base: Any) -> torch.nn.Module:
        projector: torch.nn.Module = base.vision_projection
        return projector
