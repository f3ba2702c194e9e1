"""Which families are described, in plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..plugins import description
from ..vlm.hf.families.base import Family
from ..vlm.hf.families.registry import families
from .matrix import names


def listed() -> Iterator[dict[str, Any]]:
    """Every described family with its model types and whether its vision tower is followed, then the types that
    `transformers` maps and nobody described."""
    described: set[str] = set()
    for family in families().values():
        described.update(family.model_types)
        yield {
            "family": family.key,
            "name": family.name,
            "description": description(family),
            "model_types": list(family.model_types),
            "vision_types": list(family.vision_types),
            "through_the_tower": type(family).tower is not Family.tower,
        }
    yield {"undescribed": [name for name in names() if name.partition(" ")[0] not in described]}
