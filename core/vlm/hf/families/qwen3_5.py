"""Qwen3.5: Qwen2-VL's grid and tower, before a decoder most of whose layers have no attention between positions."""

from __future__ import annotations

from .qwen2_vl import Qwen2VL


class Qwen35(Qwen2VL):
    """Qwen3.5, with experts and without."""

    key = "qwen3_5"
    name = "Qwen3.5, Qwen3.5-MoE, Qwen4-Exp"
    model_types = ("qwen3_5", "qwen3_5_moe", "qwen4_exp")
    video = "qwen3_vl.Qwen3VLVideoProcessor"
