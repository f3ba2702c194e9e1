"""True effects as Markdown: how near the methods' maps are to them."""

from __future__ import annotations

from ..markdown import ends, table_head, table_row
from .figures import CENTRE, WAYS, EffectRow, TrueEffects

NAMES = {"out": "taken out", "repainted": "repainted", "swapped": "swapped"}
"""What the ways to redraw a thing are called."""
HEADER = (
    "method",
    "rank correlation",
    "less the centre's",
    "linear",
    "most important found",
    "sign",
    "repainted: rank",
    "found",
    "swapped: rank",
    "found",
    "cases",
)


def true_effects_table(found: TrueEffects) -> str:
    """One row a method, by the rank correlation with the effects of taking things out, controls last; means with 95 %
    intervals. Below, what chance gives, and how large the effects are."""
    lines = table_head(HEADER)
    lines += [table_row(_cells(row)) for row in found.ranking]
    below = table_head(
        ("things", "largest effect, nats", "found by chance", "highest rank correlation", "speak for the answer")
    )
    for way in WAYS:
        told = (found.largest, found.chance, found.most_rank, found.speaks_for)
        below.append(table_row((NAMES[way], *(ends(one[way], ".2f") for one in told))))
    used = f"{found.used:,} of {found.cases:,} cases could be used."
    return "\n".join([*lines, "", *below, "", used])


def _cells(row: EffectRow) -> tuple[str, ...]:
    out, repainted, swapped = (row.near[way] for way in WAYS)
    beyond = out.over.get(CENTRE, {}).get("rank")
    return (
        row.name,
        ends(out.rank, ".2f"),
        "" if beyond is None else ends(beyond, "+.2f"),
        ends(out.linear, ".2f"),
        ends(out.found, ".2f"),
        "" if out.sign is None else ends(out.sign, ".2f"),
        *(ends(one, ".2f") for near in (repainted, swapped) for one in (near.rank, near.found)),
        str(row.cases),
    )
