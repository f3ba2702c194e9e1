"""What the lines of a run of remedies say together: how often the answers are right before and after each remedy, what
turned, whether that is more than chance, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..remedies.registry import remedies
from ..statistics.estimate import Estimate
from ..statistics.proportion import share
from ..typed import typed
from .compare import gain, mcnemar
from .journal import Record

ALL = "all"
"""What all families together are called."""
LEVEL = 0.05


@dataclass(frozen=True)
class Line:
    """What is read of a line: of a case as it is (`remedy` None), or with a remedy. `right` is of the answer that
    stands then: where a remedy could not be applied (`applied` false) that is the case's own."""

    case: str
    family: str
    key: str
    remedy: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    right: bool | None = None
    logprob: float | None = None
    passes: float = 0.0
    seconds: float = 0.0
    note: str = ""
    applied: bool = True
    problem: str | None = None


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none of a run of remedies."""
    line = typed(Line, record)
    if line.right is None and line.problem is None:
        raise ValueError("it says neither whether the answer is right nor why there is none")
    return line


@dataclass(frozen=True)
class RemedyRow:
    """One remedy over `cases` answers. `before` and `after` are the shares that are right, with Wilson's intervals, and
    `gain` their paired difference with Newcombe's. `mended` answers were wrong and are right, `broken` the reverse;
    `p_value` is that of McNemar's exact test, and `p_corrected` Holm's over all remedies of the family. `refused` could
    not be applied: these answers stay as they were. `passes` and `seconds` are means over those that could, of which
    asking once takes one pass."""

    remedy: str
    name: str
    settings: Mapping[str, Any]
    cases: int
    refused: int
    before: Estimate
    after: Estimate
    gain: Estimate
    mended: int
    broken: int
    p_value: float
    p_corrected: float
    passes: float
    seconds: float

    @property
    def verdict(self) -> str:
        """By the rule: it helps, or harms, where the gain's interval leaves 0 out and the corrected p is below 0.05."""
        if self.p_corrected < LEVEL and self.gain.low > 0:
            return "helps"
        if self.p_corrected < LEVEL and self.gain.high < 0:
            return "harms"
        return "not beyond chance"


@dataclass(frozen=True)
class FamilyRemedies:
    """The remedies on one family of cases, the largest gain first; `right` is the share of answers that are right as
    they are."""

    family: str
    cases: int
    right: Estimate
    ranking: tuple[RemedyRow, ...]


@dataclass(frozen=True)
class RemedyFigures:
    """What a run tells, family by family, and of all together where there are several. Of `cases` in the run `asked`
    were finished, and `problems` could not be asked, the first of them because of `why`."""

    model: str
    model_name: str
    set_of_cases: str
    folder: str
    cases: int
    asked: int
    problems: int
    why: str
    families: tuple[FamilyRemedies, ...]

    def of(self, family: str) -> FamilyRemedies | None:
        """The figures of a family; None where there are none."""
        return next((one for one in self.families if one.family == family), None)


def figures_of(header: Record, lines: Sequence[Line], cases: Sequence[str]) -> RemedyFigures:
    """The figures of a journal's lines, of these cases. The last line of a case and remedy counts."""
    order = {case: number for number, case in enumerate(cases)}
    last = {(line.case, line.remedy): line for line in lines}
    own = {case: line for (case, remedy), line in last.items() if remedy is None}
    usable = sorted((line for line in own.values() if line.problem is None), key=lambda line: order[line.case])
    trouble = [line.problem for line in own.values() if line.problem is not None]
    names = list(dict.fromkeys(line.family for line in usable))
    groups = {name: [line for line in usable if line.family == name] for name in names}
    if len(groups) > 1:
        groups[ALL] = usable
    about = header.get("about", {})
    return RemedyFigures(
        model=str(header.get("model", "")),
        model_name=str(about.get("model_name", "")),
        set_of_cases=str(header.get("set", "")),
        folder=str(about.get("folder", "")),
        cases=len(cases),
        asked=len(own),
        problems=len(trouble),
        why=trouble[0] if trouble else "",
        families=tuple(_family(name, group, last) for name, group in groups.items()),
    )


def _family(name: str, own: Sequence[Line], last: Mapping[tuple[str, str | None], Line]) -> FamilyRemedies:
    rows = []
    for key in dict.fromkeys(remedy for _, remedy in last if remedy is not None):
        pairs = [(line, last[line.case, key]) for line in own if (line.case, key) in last]
        if pairs:
            rows.append(_row(key, [(bool(one.right), bool(other.right), other) for one, other in pairs]))
    corrected = holm([row.p_value for row in rows])
    rows = [replace(row, p_corrected=p) for row, p in zip(rows, corrected, strict=True)]
    right = share(bool(line.right) for line in own)
    return FamilyRemedies(name, len(own), right, tuple(sorted(rows, key=lambda row: -row.gain.value)))


def _row(key: str, pairs: Sequence[tuple[bool, bool, Line]]) -> RemedyRow:
    turns = [(before, after) for before, after, _ in pairs]
    both, broken, mended, neither = (
        turns.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))
    )
    applied = [line for *_, line in pairs if line.applied]
    known = remedies().get(key)
    return RemedyRow(
        remedy=key,
        name=key if known is None else known.name,
        settings=pairs[-1][2].settings,
        cases=len(pairs),
        refused=len(pairs) - len(applied),
        before=share(before for before, _ in turns),
        after=share(after for _, after in turns),
        gain=gain(both, broken, mended, neither).estimate,
        mended=mended,
        broken=broken,
        p_value=mcnemar(broken, mended),
        p_corrected=math.nan,
        passes=_mean([line.passes for line in applied]),
        seconds=_mean([line.seconds for line in applied]),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) correction for several tests: the smallest p times their number, the next times one less, and so
    on, never falling."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
