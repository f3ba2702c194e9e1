"""LLaVA-OneVision: as LLaVA-NeXT, but a grid that has become too large is shrunk."""

from __future__ import annotations

from ._any_resolution import AnyResolution


class LlavaOneVision(AnyResolution):
    """LLaVA-OneVision. Where a grid was shrunk, its tokens are not followed through the tower."""

    key = "llava_onevision"
    name = "LLaVA-OneVision"
    model_types = ("llava_onevision",)
    video = "llava_onevision.LlavaOnevisionVideoProcessor"
