"""The colours of every figure, in one place; all of them legible on white and on near-black.

Sequential maps are perceptually uniform, diverging ones are centred on zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Shaped

SEQUENTIAL: Final = "viridis"
SEQUENTIAL_RAMP = (
    *("#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151"),
    *("#bddf26", "#fde725"),
)
"""Viridis at eleven even steps, for figures that are drawn pixel by pixel and must match the charts."""
DIVERGING = ("#b35806", "#f1a340", "#fee0b6", "#f7f7f7", "#d8daeb", "#998ec3", "#542788")
"""Orange is less, white is unchanged, purple is more."""

CHOSEN = "#1f83b4"
OTHER = "#9aa7b2"
DIFFERENT = "#d55e00"
NEUTRAL = "#8090a0"

INK_ON_LIGHT = "#14202a"
INK_ON_DARK = "#ffffff"
PAPER = "#e6eaee"
"""Under words in a figure: with `INK_ON_LIGHT` on it they are read on either page."""

PICKED = "#ff2d95"
"""The outline of what was clicked, over a picture or a heat map of any colour."""

PARTS = {
    "image": "#0072b2",
    "question": "#e69f00",
    "earlier answer": "#009e73",
    "template": "#8090a0",
    "own place": "#cc79a7",
}
"""Where a score can lie. Okabe and Ito's colours, as the theme's categories."""

CATEGORIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8090a0", "#f0e442")
"""Curves and bars of one figure, in this order: Okabe and Ito's colours, as the theme's, then grey and yellow."""

CAUSAL_EDGES = {
    "-->": "#009e73",
    "o->": "#0072b2",
    "<->": "#d55e00",
    "o-o": "#cc79a7",
    "o--": "#8090a0",
    "---": "#8090a0",
}
"""The kinds of edges of a causal graph. Okabe and Ito's colours; selection is grey."""

HIDDEN_RGB = (213, 94, 0)
PATCH_RGB = (0, 229, 255)

VEIL = 0.82
"""How much of a picture gives way to `NEUTRAL` where the model never sees it, so that no map is read there."""


def probability_css(probability: float) -> str:
    """A background for text in the page's own ink: the more probable, the more blue."""
    strength = 0.06 + 0.50 * min(max(probability, 0.0), 1.0)
    return rgba((31, 131, 180), strength)


def rgba(color: tuple[int, int, int], opacity: float) -> str:
    """A colour of CSS that lets through what is behind it."""
    red, green, blue = color
    return f"rgba({red}, {green}, {blue}, {opacity:.3f})"


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue of "#rrggbb", 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def ramp(colors: Sequence[str], share: Float[np.ndarray, "*place"]) -> Float[np.ndarray, "*place 3"]:
    """The colours at `share` (0 to 1, clipped) of an evenly spaced ramp, interpolated as charts do, 0 to 255."""
    anchors = np.array([rgb(color) for color in colors], dtype=float)
    steps = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(share, steps, anchors[:, channel]) for channel in range(3)], axis=-1)


def inks(colors: Sequence[str], share: Float[np.ndarray, "*place"]) -> Shaped[np.ndarray, "*place"]:
    """The ink ("#rrggbb") that is read best on the colour at `share` of a ramp: that of the higher contrast, as the
    Web Content Accessibility Guidelines 2.1 define it (relative luminance, section 1.4.3)."""

    def luminance(color: Float[np.ndarray, "*place 3"]) -> Float[np.ndarray, "*place"]:
        part = color / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        return linear @ np.array([0.2126, 0.7152, 0.0722]) + 0.05

    dark, light = (luminance(np.array(rgb(ink), dtype=float)) for ink in (INK_ON_LIGHT, INK_ON_DARK))
    ground = luminance(ramp(colors, share))
    return np.where(light / ground > ground / dark, INK_ON_DARK, INK_ON_LIGHT)
