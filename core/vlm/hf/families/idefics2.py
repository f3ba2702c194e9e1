"""Idefics 2: a perceiver makes the same number of tokens of any image, or of each crop of it."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from .base import Family, count_up
from .context import PromptContext


class Idefics2(Family):
    """Idefics 2, whose latents look all over the image, or over one of the crops into which it was split."""

    key = "idefics2"
    name = "Idefics 2"
    model_types = ("idefics2",)
    resamples = True
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return f"none: {context.config.perceiver_config.resampler_n_latents} latents look all over the image"

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        return count_up(context.inputs)
