"""The findings, in the order in which they are told."""

from __future__ import annotations

from typing import Any

from core.cases.findings.absent_thing import AbsentThing
from core.cases.findings.finding import Finding
from core.cases.findings.kept_heads import KeptHeads
from core.cases.findings.patch_maps import PatchMaps
from core.cases.findings.shared_heads import SharedHeads
from core.cases.findings.true_ranking import TrueRanking
from core.cases.findings.visual_words import VisualWords


def findings() -> dict[str, Finding[Any]]:
    """Every finding by its key."""
    found = (SharedHeads(), VisualWords(), KeptHeads(), TrueRanking(), PatchMaps(), AbsentThing())
    return {finding.key: finding for finding in found}
