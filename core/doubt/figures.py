"""What the lines of a journal of doubt say: how well each signal tells wrong from right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import NotApplicable
from ..statistics.estimate import Estimate, nothing
from ..statistics.separation import separation
from .combination import check_classes, fit
from .measuring import Line
from .registry import BASELINE, signals
from .units import LABELS, Label, Units, doubt_of, units

COMBINED = "combined"
LEAST_TOLD = 10
"""Cases of each class from which an AUROC is told."""


@dataclass(frozen=True)
class SignalRow:
    """One signal, or the `combined` one: its AUROC, how far that lies above log-probability's over the same words, and
    of how many words it could not be had."""

    signal: str
    auroc: Estimate
    beyond: Estimate
    refused: int


@dataclass(frozen=True)
class Group:
    """One label over all cases, or those of a family: the words that are what it says (`wrong`) and those that are not
    (`right`). `why` says why there are no rows."""

    label: Label
    family: str
    wrong: int
    right: int
    rows: tuple[SignalRow, ...]
    why: str = ""


def groups(lines: Sequence[Line]) -> tuple[Group, ...]:
    """Every label over all cases, then over each family that has enough of both classes, signals by AUROC. The
    combination is told over all cases alone, out of fold."""
    found: list[Group] = []
    for label in LABELS:
        every = units(lines, label)
        found.append(_group(every, ""))
        families = list(dict.fromkeys(sorted(every.families)))
        own = [_group(every.of(family), family) for family in families if family] if len(families) > 1 else []
        found += [group for group in own if group.rows]
    return tuple(found)


def _group(of: Units, family: str) -> Group:
    wrong = int(of.wrong.sum())
    counts = {"label": of.label, "family": family, "wrong": wrong, "right": len(of.wrong) - wrong}
    try:
        check_classes(of, LEAST_TOLD, "told")
    except NotApplicable as error:
        return Group(**counts, rows=(), why=str(error))  # type: ignore[arg-type]
    rows = [_row(of, key) for key in of.values]
    if not family:
        rows += _combined(of)
    rows.sort(key=lambda row: -np.nan_to_num(row.auroc.value, nan=-1.0))
    return Group(**counts, rows=tuple(rows))  # type: ignore[arg-type]


def _row(of: Units, key: str) -> SignalRow:
    doubt = doubt_of(signals()[key], of.values[key])
    refused = int((~np.isfinite(doubt)).sum())
    if key == BASELINE or BASELINE not in of.values:
        return SignalRow(key, separation(doubt, of.wrong, of.cases).auroc, nothing(), refused)
    baseline = doubt_of(signals()[BASELINE], of.values[BASELINE])
    found = separation(doubt, of.wrong, of.cases, baseline)
    return SignalRow(key, found.auroc, found.beyond, refused)


def _combined(of: Units) -> list[SignalRow]:
    """The combination of all signals, where there are enough cases to fit it."""
    try:
        scores = fit(of, list(of.values)).out_of_fold
    except NotApplicable:
        return []
    baseline = doubt_of(signals()[BASELINE], of.values[BASELINE]) if BASELINE in of.values else None
    found = separation(scores, of.wrong, of.cases, baseline)
    return [SignalRow(COMBINED, found.auroc, found.beyond, 0)]
