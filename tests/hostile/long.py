"""Whether the long part is run (`make hostile`), and how much of everything the quick part takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")

LONG = bool(os.environ.get("HYPOTHESIS_EXAMPLES"))
FEW = settings() if LONG else settings(max_examples=15)


def some(every: Mapping[str, T], few: int) -> list[str]:
    """The names of the first few; in the long part of all."""
    return list(every)[: None if LONG else few]
