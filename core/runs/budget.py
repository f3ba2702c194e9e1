"""How much runs take, and which go beyond limits that somebody set. Nothing is removed for that: it is only told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .info import RunInfo

DAY = 86_400.0


@dataclass(frozen=True)
class StoreLimits:
    """How old a run may be, in days since it was changed, and how many bytes all may take together; None: no limit."""

    days: float | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Proposal:
    """A run that could be deleted, and why, as a sentence."""

    run: RunInfo
    why: str


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder, links not followed; what goes meanwhile is not counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def proposals(runs: Sequence[RunInfo], limits: StoreLimits, now: float) -> tuple[Proposal, ...]:
    """Those that are too old, and then the ones that were changed longest ago, until the others fit."""
    chosen: list[Proposal] = []
    total = sum(run.bytes for run in runs)
    for run in sorted(runs, key=lambda run: run.changed):
        days = (now - run.changed) / DAY
        if limits.days is not None and days > limits.days:
            chosen.append(Proposal(run, f"It was last changed {days:.0f} days ago, and the limit is {limits.days:g}."))
        elif limits.bytes is not None and total > limits.bytes:
            over = (total - limits.bytes) / 2**20
            chosen.append(Proposal(run, f"All runs take {over:,.0f} MB more than the limit, and this is the oldest."))
        else:
            continue
        total -= run.bytes
    return tuple(chosen)
