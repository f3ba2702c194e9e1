"""What is said of a grid that no family declares."""

from __future__ import annotations

from ..answer import TokenLayout


def grid_note(layout: TokenLayout) -> str | None:
    """That a layout's grid was measured, and how well it fits, as a sentence; None where the family declares it."""
    correlation = layout.measured
    return None if correlation is None else f"This grid was measured, not declared: correlation {correlation:.2f}."
