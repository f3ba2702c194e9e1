"""What the Case Studies page shows, kept when it is left, and everything it took time to find out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from core.cases.studies.study import Outcome
from core.ui.errands import Errands
from core.ui.kept import Kept

Section = Literal["Cases", "Phrasing audit", "Benchmarks from a folder", "Two models", "League of methods"]


@dataclass(frozen=True)
class StudyKey:
    """What an outcome is of: model, study and number of scenes."""

    model: str
    study: str
    scenes: int


@dataclass(eq=False)
class CasesView:
    """What is chosen. `study` None is the first. `stopped` says of work that was stopped or failed what happened."""

    section: Section = "Cases"
    study: str | None = None
    scenes: dict[str, int] = field(default_factory=dict)
    outcomes: Kept[Outcome] = field(default_factory=lambda: Kept(20))
    stopped: dict[Hashable, str] = field(default_factory=dict)
    errands: Errands = field(default_factory=Errands)
