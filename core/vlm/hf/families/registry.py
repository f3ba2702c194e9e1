"""Finds every family of this package, and the one that a configuration is of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from ....plugins import discovered
from ._undescribed import Undescribed
from .base import Family

Claim = tuple[str, str | None]
"""A model type, and the type of vision tower it must have (None: any)."""


@cache
def families() -> dict[str, Family]:
    """Every described family by its key, in the order of their names.

    Raises ValueError when two have the same key or claim the same models, or one lacks what it must have.
    """
    described: dict[str, Family] = discovered(__package__, Family, ("key", "name", "model_types"))
    _by_claim(described.values())
    return described


def family_of(config: Any) -> Family:
    """The family of a `transformers` configuration; one that describes nothing where there is none."""
    claims = _by_claim(families().values())
    model_type = str(config.model_type)
    vision_type = getattr(getattr(config, "vision_config", None), "model_type", None)
    family = claims.get((model_type, vision_type)) or claims.get((model_type, None))
    return family if family is not None and family.describes(config) else Undescribed(model_type)


def _by_claim(described: Iterable[Family]) -> dict[Claim, Family]:
    """The families under all that they claim. Raises ValueError where two claim the same: which of them a model is of
    would depend on nothing but the names of files."""
    claims: dict[Claim, Family] = {}
    for family in described:
        for model_type in family.model_types:
            for vision_type in family.vision_types or (None,):
                other = claims.setdefault((model_type, vision_type), family)
                if other is not family:
                    tower = f" with a tower of type {vision_type!r}" if vision_type else ""
                    raise ValueError(
                        f"the families {other.key!r} and {family.key!r} both claim the model type {model_type!r}{tower}"
                    )
    return claims
