"""A league as a Markdown table, as a README quotes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..evidence.registry import map_metrics
from ..statistics.estimate import Estimate
from ..vlm.memory import readable_bytes
from .ranking import League, MethodRank

SHOWN = ("deletion", "insertion", "comprehensiveness", "pointing", "energy")


def table(league: League) -> str:
    """One row a method, best mean rank first and controls last; means with their 95 % intervals. An arrow says which
    way is better; the recommended method is marked."""
    metrics = map_metrics()
    arrows = {key: "↑" if metrics[key].better == "higher" else "↓" for key in SHOWN}
    header = ["method", "mean rank", *(f"{metrics[key].name.lower()} {arrows[key]}" for key in SHOWN)]
    lines = [
        _row([*header, "shuffled weights ↓", "seconds", "extra memory"]),
        _row(["---", *["---:"] * (len(SHOWN) + 4)]),
    ]
    lines += [_row(_cells(standing, league.recommended)) for standing in league.ranking]
    return "\n".join(lines)


def _cells(standing: MethodRank, recommended: str | None) -> list[str]:
    name = f"**{standing.name}**" if standing.method == recommended else standing.name
    return [
        name,
        "" if standing.mean_rank is None else f"{standing.mean_rank:.1f}",
        *(_figure(standing.figures[key]) for key in SHOWN),
        _figure(standing.shuffled),
        "" if standing.processor is None else f"{standing.processor:.2g}",
        "" if standing.bytes is None else readable_bytes(round(standing.bytes)),
    ]


def _figure(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return ""
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
