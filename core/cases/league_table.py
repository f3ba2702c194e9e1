"""A league as a Markdown table, as a README quotes it."""

from __future__ import annotations

from collections.abc import Sequence

from ..evidence.metric import ARROWS
from ..evidence.registry import map_metrics
from ..vlm.memory import readable_bytes
from .further.base import Column
from .further.registry import columns_of
from .markdown import ends, table_head, table_row
from .ranking import League, MethodRank

SHOWN = ("deletion", "insertion", "comprehensiveness", "pointing", "energy")


def table(league: League) -> str:
    """One row a method, best mean rank first and controls last; means with their 95 % intervals, and what other
    measurements on this model say of the methods (the `quoted` columns of `further`). An arrow says which way is
    better; the recommended method is marked. Raises JournalError where a further column's summary cannot be read."""
    metrics = map_metrics()
    arrows = {key: ARROWS[metrics[key].better] for key in SHOWN}
    columns = [column for column in columns_of(league.model) if column.quoted]
    header = ["method", "mean rank", *(f"{metrics[key].name.lower()} {arrows[key]}" for key in SHOWN)]
    header += [
        "shuffled weights ↓",
        *(f"{column.name[:1].lower()}{column.name[1:]} {ARROWS[column.better]}" for column in columns),
    ]
    header += ["seconds", "extra memory"]
    lines = table_head(header)
    lines += [table_row(_cells(standing, league.recommended, columns)) for standing in league.ranking]
    return "\n".join(lines)


def _cells(standing: MethodRank, recommended: str | None, columns: Sequence[Column]) -> list[str]:
    name = f"**{standing.name}**" if standing.method == recommended else standing.name
    return [
        name,
        "" if standing.mean_rank is None else f"{standing.mean_rank:.1f}",
        *(ends(standing.figures[key], ".2f") for key in SHOWN),
        ends(standing.shuffled, ".2f"),
        *(ends(figure, column.digits) if (figure := column.figures.get(standing.method)) else "" for column in columns),
        "" if standing.processor is None else f"{standing.processor:.2g}",
        "" if standing.bytes is None else readable_bytes(round(standing.bytes)),
    ]
