"""Where an image token stands in a picture."""

from __future__ import annotations

from ..answer import PatchView, TokenLayout


def place_in(layout: TokenLayout, position: int) -> tuple[PatchView, int, int] | None:
    """The view that an image token is of, and its row and column there, counted from 1 as on every page and in every
    file; None where it has no place."""
    for view in layout.views:
        if position in view.positions:
            row, column = divmod(view.positions.index(position), view.columns)
            return view, row + 1, column + 1
    return None


def several_views(layout: TokenLayout, image: int) -> bool:
    """Whether a picture was seen in several views."""
    return sum(image in view.images for view in layout.views) > 1
