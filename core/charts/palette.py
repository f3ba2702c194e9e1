"""The colours of every figure, in one place; all of them legible on white and on near-black.

Sequential maps are perceptually uniform, diverging ones are centred on zero.
"""

from __future__ import annotations

from typing import Final

SEQUENTIAL: Final = "viridis"
DIVERGING = ("#b35806", "#f1a340", "#fee0b6", "#f7f7f7", "#d8daeb", "#998ec3", "#542788")
"""Orange is less, white is unchanged, purple is more."""

CHOSEN = "#1f83b4"
OTHER = "#9aa7b2"
DIFFERENT = "#d55e00"
NEUTRAL = "#8090a0"

INK_ON_LIGHT = "#14202a"
INK_ON_DARK = "#ffffff"

HIDDEN_RGB = (213, 94, 0)
PATCH_RGB = (0, 229, 255)


def probability_css(probability: float) -> str:
    """A background for text in the page's own ink: the more probable, the more blue."""
    strength = 0.06 + 0.50 * min(max(probability, 0.0), 1.0)
    return f"rgba(31, 131, 180, {strength:.3f})"
