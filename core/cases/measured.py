"""How the figures of a league were measured, as far as it was not always so: said wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evidence.ranking import shares_of

CENTRE = "the patch's centre"
"""What the pointing game asks of a map's highest patch now, as a league's settings say it."""


def measured(settings: Mapping[str, Any]) -> str:
    """Over how many points areas are, and what a hit of the pointing game was, by the settings that a league was run
    with; those of earlier versions say nothing of pointing."""
    shares = shares_of(settings["steps"]) if isinstance(settings.get("steps"), int) else ()
    areas = f"Deletion and insertion are areas over {len(shares)} points{_spelled(shares)}. " if shares else ""
    if settings.get("pointing") == CENTRE:
        return f"{areas}A hit of the pointing game is a patch whose centre lies on the thing."
    return (
        f"{areas}A hit of the pointing game is a patch with more than 5 % of its pixels on the thing, and several "
        "tokens have the product of their probabilities: the rules of the version that computed them. Evidence on "
        "pages asks for the patch's centre and takes the geometric mean."
    )


def _spelled(shares: tuple[float, ...]) -> str:
    """The shares of patches, where they are few."""
    return f" ({', '.join(f'{100 * share:g}' for share in shares)} %)" if len(shares) < 12 else ""
