"""PaddleOCR-VL: the grid and the positions of Qwen-VL over a SigLIP."""

from __future__ import annotations

from ._native_resolution import NativeResolution


class PaddleOCRVL(NativeResolution):
    """PaddleOCR-VL. Its tower is not described."""

    key = "paddleocr_vl"
    name = "PaddleOCR-VL"
    model_types = ("paddleocr_vl",)
