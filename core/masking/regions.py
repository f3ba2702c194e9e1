"""Squares of a picture in the place of image tokens, where none of these has a place: what pixels can be hidden in."""

from __future__ import annotations

from dataclasses import replace

from ..answer import PatchView, TokenKind, TokenLayout

ACROSS = 12
"""Squares along a picture's longer side."""


def in_regions(layout: TokenLayout) -> TokenLayout:
    """A layout whose image positions are squares of the pictures: they stand after the sequence, and its own image
    tokens count as template."""
    kinds: list[TokenKind] = [TokenKind.SPECIAL if kind is TokenKind.IMAGE else kind for kind in layout.kinds]
    views: list[PatchView] = []
    for image, (width, height) in enumerate(layout.image_sizes):
        longer = max(width, height)
        rows, columns = (max(1, min(side, round(ACROSS * side / longer))) for side in (height, width))
        positions = tuple(range(len(kinds), len(kinds) + rows * columns))
        kinds += [TokenKind.IMAGE] * len(positions)
        views.append(PatchView(image, "squares", rows, columns, (0.0, 0.0, float(width), float(height)), positions))
    return replace(layout, kinds=tuple(kinds), views=tuple(views))
