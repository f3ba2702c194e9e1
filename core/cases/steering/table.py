"""Steering as Markdown: doses by layer, and side effects."""

from __future__ import annotations

from ..markdown import ends, table_head, table_row
from .figures import Steering


def steering_table(found: Steering) -> str:
    """The change in log-odds by layer and dose, with what random directions do; below, side effects."""
    lines = table_head(("into layer", "dose", "change, nats", "random", "follows", "random, most"))
    for one in found.doses:
        low, high = one.random
        cells = (f"{one.dose:+g}", ends(one.change, "+.2f"), f"{low:+.2f} to {high:+.2f}", ends(one.follows, ".2f"))
        lines.append(table_row((str(one.layer), *cells, f"{one.random_follows:.2f}")))
    if found.sides:
        head = ("other questions", "answers changed", "by a random direction", "right before", "right after")
        lines += ["", *table_head(head)]
        for side in found.sides:
            figures = (side.changed, side.random_changed, side.right, side.right_after)
            lines.append(table_row((side.family, *(ends(one, ".2f") for one in figures))))
    told = f"{found.used:,} cases, pushed at “{found.at}” along a direction found at “{found.found_at}” over others."
    return "\n".join([*lines, "", told])
