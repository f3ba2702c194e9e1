"""SmolVLM: as Idefics 3."""

from __future__ import annotations

from .idefics3 import Idefics3


class SmolVLM(Idefics3):
    """SmolVLM."""

    key = "smolvlm"
    name = "SmolVLM"
    model_types = ("smolvlm",)
    video = "smolvlm.SmolVLMVideoProcessor"
    images_beside_video = False
