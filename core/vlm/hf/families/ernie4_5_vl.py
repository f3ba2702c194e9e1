"""ERNIE 4.5 VL: the grid and the positions of Qwen-VL, before a decoder with experts of images and others of text."""

from __future__ import annotations

from ._native_resolution import NativeResolution


class Ernie45VL(NativeResolution):
    """ERNIE 4.5 VL. Which experts read a token depends on the type that the inputs give it, so the whole of a prompt is
    read at once. Its tower is not described."""

    key = "ernie4_5_vl_moe"
    name = "ERNIE 4.5 VL"
    model_types = ("ernie4_5_vl_moe",)
    shares_prefix = False
