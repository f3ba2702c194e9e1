"""The findings, in the order in which they are told."""

from __future__ import annotations

from typing import Any

from .absent_thing import AbsentThing
from .finding import Finding
from .kept_heads import KeptHeads
from .patch_maps import PatchMaps
from .shared_heads import SharedHeads
from .true_ranking import TrueRanking
from .visual_words import VisualWords


def findings() -> dict[str, Finding[Any]]:
    """Every finding by its key."""
    found = (SharedHeads(), VisualWords(), KeptHeads(), TrueRanking(), PatchMaps(), AbsentThing())
    return {finding.key: finding for finding in found}
