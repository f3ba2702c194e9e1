"""How the methods of a league stand: means with intervals, ranks, and which one to recommend.

The rule of the recommendation was written down before the first run: among the methods whose median processor time is
below `QUICK` seconds, the best mean rank in deletion, insertion and the pointing game (the first two ask whether the
model needs the patches, the third whether a person finds the thing there); energy in the mask decides between equals.
`QUICK` was 2 s then. After the first 56 cases it became what a click on a page may take: the first method of the
Relevancy page is computed at every click, and one of the leaders stood on the old limit, where the machine would have
chosen. The leader at any price is named beside the recommended one.

Since then no method may be recommended that fails the known cause (`known_cause/verdict.py`): one whose maps are the
same whether a model looks or not helps nobody, however well they do when patches are hidden. One that was not measured
there has not failed. A league is judged when it is read, by the known cause that comes along then.

Ranks do not see how far methods lie apart. So with the recommended one stand those that cannot be told from it: the
quickest of all would be recommended where too few cases tell nothing apart, and so the rule itself stays as it was.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..evidence.registry import map_metrics
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..typed import typed
from .journal import Record
from .known_cause.summary import passed
from .pairs import alike, figures_of
from .plain import plain
from .score_case import CENTRE, RANDOM, name_of

QUICK = 0.3
"""Processor seconds for a map that follows a click."""
DECIDING = ("deletion", "insertion", "pointing")
TIE_BREAK = "energy"
RULE = (
    f"The best mean rank in {', '.join(DECIDING[:-1])} and {DECIDING[-1]} among the methods that follow a click, which "
    f"take less than {QUICK:g} processor seconds (median) for a map, and do not fail to tell a model that looks from "
    f"one that does not on a known cause; {TIE_BREAK} decides between equals."
)


@dataclass(frozen=True)
class MethodRank:
    """One method. `figures` are means over its cases by metric, `over_random` those of its figure less that of the
    random control in the same case; `by_family` are the means of each family. `seconds` (by the clock), `processor`
    (seconds of all its threads, whatever else the machine does) and `bytes` are medians, None for controls and where
    memory cannot be measured; `shuffled` is the rank correlation with the map under weights that are all shuffled.
    `ranks` (1 is best) are those among all methods, controls apart; `mean_rank` is over the deciding metrics. `refused`
    counts cases that it could not explain. `passed` says whether its maps told the models of the known cause apart;
    None where that was not measured. `alike` are the methods that can be told from it in none of the deciding metrics,
    paired over cases and corrected for all pairs (`pairs.py`); None in leagues of before that was computed.
    """

    method: str
    name: str
    cases: int
    refused: int
    figures: Mapping[str, Estimate]
    over_random: Mapping[str, Estimate]
    by_family: Mapping[str, Mapping[str, float]]
    seconds: float | None
    processor: float | None
    bytes: float | None
    shuffled: Estimate
    ranks: Mapping[str, int]
    mean_rank: float | None
    passed: bool | None = None
    alike: tuple[str, ...] | None = None

    @property
    def control(self) -> bool:
        """Whether it knows nothing of the model."""
        return self.method in (RANDOM, CENTRE)


@dataclass(frozen=True)
class League:
    """`ranking` has the methods in the order of their mean rank, controls last. By family how many cases were `asked`
    and `right`; `recommended` is a method's key (None where there is none)."""

    model: str
    model_name: str
    settings: Mapping[str, Any]
    asked: Mapping[str, int]
    right: Mapping[str, int]
    ranking: tuple[MethodRank, ...]
    recommended: str | None

    @property
    def leader(self) -> str | None:
        """The method of the best mean rank that does not fail the known cause, however long it takes; None where there
        is none."""
        return next((row.method for row in self.ranking if may_lead(row)), None)

    @property
    def quick(self) -> tuple[str, ...]:
        """The methods that the rule may recommend, best first: what is recommended, and what to take in its place where
        an answer lacks what it needs."""
        return _quick(self.ranking)

    @property
    def not_told_apart(self) -> str:
        """A sentence about the recommended method and those that cannot be told from it; empty without one, and for
        leagues of before that was computed."""
        rows = {row.method: row for row in self.ranking}
        if self.recommended is None or (same := rows[self.recommended].alike) is None:
            return ""
        names = [rows[method].name for method in same if method in rows]
        told = ", ".join(names) if names else "none"
        return (
            f"Not told apart from it in {', '.join(DECIDING[:-1])} or {DECIDING[-1]} on these cases (paired, corrected "
            f"for all pairs): {told}."
        )

    def record(self, command: str) -> Record:
        """As plain values for a JSON file, with the command that gives it. What is no number is None."""
        values = {"command": command, "rule": RULE, **asdict(self)}
        return plain(values)


@dataclass(frozen=True)
class _Line:
    """What a league reads of a line of its journal."""

    case: str
    family: str
    method: str | None
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: float | None = None
    processor: float | None = None
    bytes: float | None = None
    stages: tuple[tuple[str, float], ...] | None = None


def check_line(record: Record) -> None:
    """Raises ValueError for a line that is none of a league."""
    typed(_Line, record)


def ranking(header: Record, records: Sequence[Record]) -> League:
    """The league of a journal's header and lines. The last line of a case and method counts."""
    cases = {record["case"]: record for record in records}
    lines: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        if record["method"] is not None:
            lines[record["method"]][record["case"]] = record
    wrong = {record["case"] for record in records if record["method"] is None}
    families = dict.fromkeys(record["family"] for record in cases.values())
    rows = [_method_rank(method, own, lines.get(RANDOM, {})) for method, own in lines.items()]
    same = alike(figures_of(records, DECIDING), DECIDING)
    rows = [replace(row, alike=same.get(row.method)) for row in _ranked(rows)]
    league = League(
        model=str(header.get("model", "")),
        model_name=str(header.get("about", {}).get("model_name", "")),
        settings=header.get("settings", {}),
        asked={family: sum(r["family"] == family for r in cases.values()) for family in families},
        right={
            family: sum(r["family"] == family and r["case"] not in wrong for r in cases.values()) for family in families
        },
        ranking=tuple(rows),
        recommended=None,
    )
    return judged(league)


def judged(league: League) -> League:
    """The same with what the known cause that comes along says of its methods, and whom the rule recommends."""
    rows = tuple(replace(row, passed=passed(row.method)) for row in league.ranking)
    return replace(league, ranking=rows, recommended=next(iter(_quick(rows)), None))


def _method_rank(method: str, lines: Mapping[str, Record], random: Mapping[str, Record]) -> MethodRank:
    scored = {case: line for case, line in lines.items() if "figures" in line}
    figures: dict[str, Estimate] = {}
    over: dict[str, Estimate] = {}
    by_family: dict[str, dict[str, float]] = defaultdict(dict)
    for key, metric in map_metrics().items():
        own = {case: _value(line, key) for case, line in scored.items()}
        figures[key] = mean(own.values(), metric.unit)
        over[key] = mean([own[case] - _value(random[case], key) for case in own if case in random], metric.unit)
        families: dict[str, list[float]] = defaultdict(list)
        for case, line in scored.items():
            families[line["family"]].append(own[case])
        for family, values in families.items():
            by_family[family][key] = float(np.mean(values))
    return MethodRank(
        method=method,
        name=name_of(method),
        cases=len(scored),
        refused=len(lines) - len(scored),
        figures=figures,
        over_random=over,
        by_family=dict(by_family),
        seconds=_median([line.get("seconds") for line in scored.values()]),
        processor=_median([line.get("processor") for line in scored.values()]),
        bytes=_median([line.get("bytes") for line in scored.values()]),
        shuffled=mean(
            [_number(line["stages"][-1][1]) for line in scored.values() if line.get("stages")], "correlation"
        ),
        ranks={},
        mean_rank=None,
    )


def _ranked(rows: Sequence[MethodRank]) -> list[MethodRank]:
    """The same with their ranks, best first."""
    methods = [row for row in rows if not row.control]
    ranked = []
    for row in rows:
        if row.control:
            ranked.append(row)
            continue
        ranks = {key: 1 + sum(goodness(other, key) > goodness(row, key) for other in methods) for key in map_metrics()}
        ranked.append(replace(row, ranks=ranks, mean_rank=float(np.mean([ranks[key] for key in DECIDING]))))
    return sorted(ranked, key=lambda row: (row.control, row.mean_rank or 0.0, -goodness(row, TIE_BREAK)))


def goodness(row: MethodRank, metric: str) -> float:
    """The figure turned so that more is better; the worst there is where a method has none."""
    value = row.figures[metric].value
    if math.isnan(value):
        return -math.inf
    return value if map_metrics()[metric].better == "higher" else -value


def _quick(rows: Sequence[MethodRank]) -> tuple[str, ...]:
    """By the rule at the top; the rows stand in the order of their mean rank."""
    return tuple(row.method for row in rows if may_lead(row) and row.processor is not None and row.processor < QUICK)


def may_lead(row: MethodRank) -> bool:
    """Whether a method has figures and does not fail the known cause."""
    return bool(row.cases) and row.passed is not False and not row.control


def _value(line: Record, metric: str) -> float:
    return _number(line["figures"].get(metric, {}).get("value"))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
