"""The names of a known cause's two models and of its two doors."""

from __future__ import annotations

from typing import Literal

Who = Literal["looks", "habit"]
"""The model that looks at the truck's door, and the one that answers about it by the wording."""
WHO: tuple[Who, Who] = ("looks", "habit")
Place = Literal["truck", "house"]
"""The truck's door, at which one model looks, and the house's, at which both do."""
PLACES: tuple[Place, Place] = ("truck", "house")
