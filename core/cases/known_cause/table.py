"""A known cause as Markdown: the methods, and the doors' true effects."""

from __future__ import annotations

from ..markdown import ends, number, table_head, table_row
from .figures import CauseRow, KnownCause
from .sides import PLACES, WHO

HEADER = (
    "method",
    "truck's door: looks",
    "habit",
    "difference",
    "house's door: difference",
    "truck less house",
    "AUROC",
    "AUROC by absolute mass",
)
CONTRAST = ("yes rather than no: truck less house", "AUROC of that")


def known_cause_table(known_cause: KnownCause) -> str:
    """One row a method, by the truck's difference less the house's, with 95 % intervals; below, by how many nats the
    answer's first word loses when a door is redrawn in its other state."""
    contrasts = any(row.contrast is not None for row in known_cause.ranking)
    methods = (*HEADER, *(CONTRAST if contrasts else ()), "scenes")
    lines = table_head(methods) + [table_row(_cells(row, contrasts)) for row in known_cause.ranking]
    names = [known_cause.model_names[who] for who in WHO]
    effects = table_head(("true effect of redrawing, nats", f"looks: {names[0]}", f"habit: {names[1]}"))
    effects += [
        table_row((f"the {place}'s door", *(ends(known_cause.effects[who][place], "+.2f") for who in WHO)))
        for place in PLACES
    ]
    told = f"{known_cause.used:,} of {known_cause.scenes:,} scenes could be used."
    return "\n".join([*lines, "", *effects, "", told])


def _cells(row: CauseRow, contrasts: bool) -> tuple[str, ...]:
    word, rather = row.word, row.contrast
    against = ("", "") if rather is None else (ends(rather.beyond, "+.3f"), ends(rather.auroc, ".2f"))
    return (
        row.name,
        number(word.looks.value, ".3f"),
        number(word.habit.value, ".3f"),
        ends(word.truck, "+.3f"),
        ends(word.house, "+.3f"),
        ends(word.beyond, "+.3f"),
        ends(word.auroc, ".2f"),
        ends(word.auroc_mass, ".2f"),
        *(against if contrasts else ()),
        str(row.scenes),
    )
