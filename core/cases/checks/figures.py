"""What the lines of the checks say of the methods and of the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...evidence.registry import map_metrics
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate
from ...statistics.rank_correlation import spearman
from ...typed import typed
from ..journal import Record
from ..score_case import name_of
from .measuring import LEVELS


@dataclass(frozen=True)
class MethodChecks:
    """One method over `cases`; `refused` could not be explained. `noise`, `moved`, `stayed` and `other` are mean rank
    correlations of its map with that of the same picture with unseen noise, of the picture moved by a patch (where
    things went, and where they were), and of another word; `bias` is `stayed` less `moved`, paired: above 0, the map
    keeps to the place and not to the thing. `follows` is the share of places at which the map's peak lies on a moved
    thing, `corner` the share of peaks that are in the cell most of them are in (of `peaks`)."""

    method: str
    name: str
    cases: int
    refused: int
    noise: Estimate
    moved: Estimate
    stayed: Estimate
    bias: Estimate
    other: Estimate
    follows: Estimate
    corner: float | None
    peaks: int


@dataclass(frozen=True)
class MetricChecks:
    """One metric of a degraded map: its mean figure at each of `LEVELS` of noise, and `falls`, the mean rank
    correlation of the level with how good the figure is: -1 where every step of noise is seen. `seen` is the share of
    cases in which the map itself is better than that of the most noise."""

    metric: str
    name: str
    method: str
    levels: tuple[Estimate, ...]
    falls: Estimate
    seen: Estimate


@dataclass(frozen=True)
class Checks:
    """The checks of a model's league: of the methods, and of the metrics by the method whose maps were degraded."""

    model: str
    model_name: str
    asked: int
    used: int
    ranking: tuple[MethodChecks, ...]
    metrics: tuple[MetricChecks, ...]


@dataclass(frozen=True)
class Line:
    """What is read of a line of the journal."""

    case: str
    family: str | None
    method: str | None
    noise: float | None = None
    moved: float | None = None
    stayed: float | None = None
    other: float | None = None
    peaks: tuple[int, ...] | None = None
    hits: tuple[bool, ...] | None = None
    levels: Mapping[str, tuple[float | None, ...]] | None = None
    problem: str | None = None


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none of the checks."""
    line = typed(Line, record)
    if any(len(values) != len(LEVELS) for values in (line.levels or {}).values()):
        raise ValueError("it does not have a figure for each level of noise")
    if (line.peaks is None) != (line.hits is None) or len(line.peaks or ()) != len(line.hits or ()):
        raise ValueError("it does not say of each peak whether it is a hit")
    return line


def checks(model: str, model_name: str, lines: Sequence[Line]) -> Checks:
    """The figures of a journal's lines. The last line of a case and method counts, and their order does not."""
    last = sorted({(line.case, line.method): line for line in lines}.values(), key=lambda line: line.case)
    methods: dict[str, list[Line]] = {}
    for line in last:
        if line.method is not None:
            methods.setdefault(line.method, []).append(line)
    unusable = {line.case for line in last if line.method is None}
    cases = {line.case for line in last if line.family is not None}
    return Checks(
        model=model,
        model_name=model_name,
        asked=len(cases),
        used=len(cases - unusable),
        ranking=tuple(_method(method, methods[method]) for method in sorted(methods, key=name_of)),
        metrics=tuple(row for method in sorted(methods, key=name_of) for row in _metrics(method, methods[method])),
    )


def _method(method: str, lines: Sequence[Line]) -> MethodChecks:
    seen = [line for line in lines if line.problem is None and line.family is not None]
    hits = [hit for line in lines for hit in line.hits or ()]
    cells = Counter(peak for line in lines for peak in line.peaks or ())

    def figure(name: str) -> Estimate:
        return mean([_number(getattr(line, name)) for line in seen], "correlation")

    return MethodChecks(
        method=method,
        name=name_of(method),
        cases=len(seen),
        refused=sum(line.problem is not None for line in lines),
        noise=figure("noise"),
        moved=figure("moved"),
        stayed=figure("stayed"),
        bias=mean([_number(line.stayed) - _number(line.moved) for line in seen], "correlation"),
        other=figure("other"),
        follows=mean(map(float, hits)),
        corner=max(cells.values()) / cells.total() if cells else None,
        peaks=cells.total(),
    )


def _metrics(method: str, lines: Sequence[Line]) -> list[MetricChecks]:
    told = [line.levels for line in lines if line.levels is not None]
    rows = []
    for key, metric in map_metrics().items():
        figures = np.array([[_number(value) for value in one[key]] for one in told if key in one], dtype=np.float64)
        if not len(figures):
            continue
        good = figures if metric.better == "higher" else -figures
        ranks = np.broadcast_to(np.arange(len(LEVELS), dtype=np.float64), good.shape)
        rows.append(
            MetricChecks(
                metric=key,
                name=metric.name,
                method=method,
                levels=tuple(mean(figures[:, level], metric.unit) for level in range(len(LEVELS))),
                falls=mean(spearman(ranks, good), "correlation"),
                seen=mean((good[:, 0] > good[:, -1]).astype(float)),
            )
        )
    return rows


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
