"""LLaVA-NeXT: a square over the whole image, and a grid that follows it."""

from __future__ import annotations

from ._any_resolution import AnyResolution


class LlavaNext(AnyResolution):
    """LLaVA-NeXT, also called LLaVA 1.6."""

    key = "llava_next"
    name = "LLaVA-NeXT"
    model_types: tuple[str, ...] = ("llava_next",)
