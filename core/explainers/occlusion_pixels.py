"""Replace squares of pixels and ask again how likely the answer is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..answer import Question, TokenLayout
from ..masking import fill_named, patch_coverage
from ..perturb.perturbation import HiddenPatches
from ..settings import choice, number
from ._occlusion import Part, PixelOcclusion, blocks_of_windows, windows


@dataclass(frozen=True)
class OcclusionPixelsSettings:
    """The squares, and what stands in their place."""

    window: int = number(2, "Window", minimum=1, maximum=16, step=1, help="Side of a square, in image tokens.")
    step: int = number(
        2, "Step", minimum=1, maximum=16, step=1, help="From one square to the next; less than a window overlaps."
    )
    fill: str = choice("mean", "Replaced by", ("mean", "black", "blur", "noise", "inpaint"))


class OcclusionPixels(PixelOcclusion):
    """The drop in log-probability of the token when a square of pixels is replaced and the whole picture is read
    again: occlusion sensitivity, Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks",
    section 4.2, in nats. Every image token gets the mean drop of the squares that cover it.

    Blocks of 4 x 4 squares are replaced first, then the squares, those of the costliest blocks first: where this is
    stopped, a square that was not come to shows an even share of its block's drop.
    """

    key = "occlusion_pixels"
    name = "Hide pixels"
    caveat = "What depends on several squares at once shows in none of them, and the fill is itself something to see."
    cheaper = "Stopped half way it shows where it matters; hiding image tokens reads the picture once."
    Settings = OcclusionPixelsSettings

    def parts(self, question: Question, layout: TokenLayout, settings: OcclusionPixelsSettings) -> list[Part]:
        seen, fill = _with_pixels(question, layout), fill_named(settings.fill)
        # (only the window's own tokens: another view's, which may see the same pixels, have windows of their own)
        return [
            (HiddenPatches(frozenset(positions), fill), {p: 1.0 for p in positions if p in seen})
            for _, positions in windows(layout, settings.window, settings.step)
        ]

    def blocks(self, question: Question, layout: TokenLayout, settings: OcclusionPixelsSettings) -> list[Part]:
        seen, fill = _with_pixels(question, layout), fill_named(settings.fill)
        return [
            (HiddenPatches(frozenset(positions), fill), {p: 1 / count for p in positions if p in seen})
            for count, positions in blocks_of_windows(layout, settings.window, settings.step)
        ]

    def regions(self, question: Question, layout: TokenLayout, settings: OcclusionPixelsSettings) -> int:
        parts = windows(layout, settings.window, settings.step)
        return len(parts) + len(blocks_of_windows(layout, settings.window, settings.step))


def _with_pixels(question: Question, layout: TokenLayout) -> set[int]:
    """The image tokens that have pixels of a picture."""
    nothing = (np.zeros((image.height, image.width), bool) for image in question.images)
    return {p for number, hidden in enumerate(nothing) for p in patch_coverage(hidden, layout, number)}
