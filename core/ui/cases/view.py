"""What the Case Studies page shows, kept when it is left, and everything it took time to find out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from ...answer import Answer
from ...cases.audit import Audit
from ...cases.case import Case
from ...cases.results import Run
from ...statistics.estimate import Estimate
from ..jobs.page import PageView
from ..state.results import Kind

Section = Literal[
    "Cases",
    "The truck's door",
    "Knowing and saying",
    "Phrasing audit",
    "Benchmarks from a folder",
    "Remedies",
    "Two models",
    "Doubt",
    "League of methods",
]

STREET = "street"
"""The name of the set of drawn scenes, which needs no folder."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A set of cases that was checked: the name of its set ("mmvp"), where it came from, and what is wrong with it."""

    name: str
    folder: str
    cases: tuple[Case, ...]
    problems: tuple[str, ...]

    @cached_property
    def by_id(self) -> dict[str, Case]:
        return {case.id: case for case in self.cases}


@dataclass(frozen=True, eq=False)
class Tried:
    """What a model says with a direction added, and the log-odds (nats) of yes against no at its first word."""

    answer: Answer
    log_odds: float


AUDITS = Kind[Audit](10)
STEERED = Kind[Tried](60)
SHARES = Kind[Mapping[str, Estimate]](4)
ANSWERS = Kind[Answer](20)
RUNS = Kind[Run](4)


@dataclass(eq=False)
class BenchmarkView:
    """The benchmark that is looked at. `trouble` says why a folder could not be read; `case` is the one chosen in the
    table; `noted_in` says of a notes file which other one stands for it."""

    chosen: Benchmark | None = None
    trouble: str | None = None
    case: str | None = None
    noted_in: dict[Path, Path] = field(default_factory=dict)


@dataclass(eq=False)
class CasesView(PageView):
    """What is chosen. `opening` is what is to be opened once it is answered, and the page."""

    kept: ClassVar = ("section",)

    section: Section = "Cases"
    opening: tuple[Hashable, str] | None = None
    benchmark: BenchmarkView = field(default_factory=BenchmarkView)
