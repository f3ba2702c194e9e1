"""The checks as Markdown: the methods, the metrics, and what a league's lines say of both."""

from __future__ import annotations

from collections.abc import Sequence

from ...evidence.registry import map_metrics
from ..markdown import ends, number, table_head, table_row
from ..pairs import Pair
from ..score_case import name_of
from .agreement import Agreement, Retrained
from .figures import Checks
from .measuring import LEVELS


def methods_table(checks: Checks) -> str:
    """One row a method: rank correlations of its map with one that must be like it, follow, or differ."""
    header = (
        "method",
        "unseen noise",
        "moved by a patch: with the thing",
        "at the old place",
        "another word",
        "peak follows the thing",
        "peaks in one cell",
        "cases",
    )
    rows = [
        (
            row.name,
            ends(row.noise, ".3f"),
            number(row.moved.value, ".2f"),
            number(row.stayed.value, ".2f"),
            ends(row.other, ".2f"),
            ends(row.follows, ".2f"),
            "" if row.corner is None else f"{100 * row.corner:.0f} % of {row.peaks}",
            str(row.cases),
        )
        for row in checks.ranking
    ]
    return _table(header, rows)


def metrics_table(checks: Checks) -> str:
    """One row a metric and degraded method: mean figures as noise grows."""
    header = (
        "metric",
        "maps of",
        *(f"noise {level:g}" for level in LEVELS),
        "rank correlation with the noise",
        "cases in which most noise is worse",
    )
    rows = [
        (
            f"{row.name} {'↑' if map_metrics()[row.metric].better == 'higher' else '↓'}",
            name_of(row.method),
            *(number(level.value, ".3f") for level in row.levels),
            ends(row.falls, ".2f"),
            row.seen.words,
        )
        for row in checks.metrics
    ]
    return _table(header, rows)


def agreement_table(agreement: Agreement) -> str:
    """The matrix of metrics, and beside it each one's agreement between the fills."""
    names = list(agreement.metrics.values())
    rows = [
        (
            name,
            *(number(cell.value, ".2f") for cell in cells),
            ends(agreement.fills[key], ".2f") if key in agreement.fills else "",
        )
        for (key, name), cells in zip(agreement.metrics.items(), agreement.matrix, strict=True)
    ]
    return _table(("", *names, "black with blur"), rows)


def retrained_table(found: Retrained) -> str:
    """One row a metric: how far methods stand alike in both models."""
    rows = [
        (map_metrics()[key].name, ends(order, ".2f"), name_of(found.first[key]), name_of(found.second[key]))
        for key, order in found.order.items()
    ]
    return _table(("metric", "rank correlation of methods", "best in the first", "best in the second"), rows)


def pairs_table(pairs: Sequence[Pair]) -> str:
    """One row a metric: how many pairs of methods can be told apart, and which of the best cannot."""
    rows = []
    for metric in dict.fromkeys(pair.metric for pair in pairs):
        own = [pair for pair in pairs if pair.metric == metric]
        wins = {key: sum(pair.better == key for pair in own) for pair in own for key in (pair.better, pair.worse)}
        best = max(wins, key=lambda key: wins[key])
        like = [pair.worse for pair in own if pair.better == best and not pair.told]
        rows.append(
            (
                map_metrics()[metric].name,
                f"{sum(pair.told for pair in own)} of {len(own)}",
                name_of(best),
                ", ".join(name_of(key) for key in like) or "none",
            )
        )
    return _table(("metric", "pairs told apart", "best", "not told apart from it"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([*table_head(header), *map(table_row, rows)])
