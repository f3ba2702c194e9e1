"""One file an architecture family; each only declares. `family_of` finds the one for a configuration."""

from __future__ import annotations

from typing import Any

from . import anyres, llava, native_resolution, pixtral, qwen2_5_vl, qwen2_vl, qwen3_vl, squashed, tiled
from .base import Family

FAMILIES: tuple[Family, ...] = (
    llava.FAMILY,
    qwen2_5_vl.FAMILY,
    qwen2_vl.FAMILY,
    qwen3_vl.FAMILY,
    *native_resolution.FAMILIES,
    *anyres.FAMILIES,
    *squashed.FAMILIES,
    *tiled.FAMILIES,
    *pixtral.FAMILIES,
)


def family_of(config: Any) -> Family:
    """The adapter for a `transformers` configuration; one without a layout where none is written yet."""
    for family in FAMILIES:
        if family.fits(config):
            return family
    return Family(name=str(config.model_type))
