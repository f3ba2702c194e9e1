"""A known cause as Markdown: the methods, and the doors' true effects."""

from __future__ import annotations

import math

from ...statistics.estimate import Estimate
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
    lines = _head(methods) + [_row(_cells(row, contrasts)) for row in known_cause.ranking]
    names = [known_cause.model_names[who] for who in WHO]
    effects = _head(("true effect of redrawing, nats", f"looks: {names[0]}", f"habit: {names[1]}"))
    effects += [
        _row((f"the {place}'s door", *(_ends(known_cause.effects[who][place], "+.2f") for who in WHO)))
        for place in PLACES
    ]
    told = f"{known_cause.used:,} of {known_cause.scenes:,} scenes could be used."
    return "\n".join([*lines, "", *effects, "", told])


def _cells(row: CauseRow, contrasts: bool) -> tuple[str, ...]:
    word, rather = row.word, row.contrast
    against = ("", "") if rather is None else (_ends(rather.beyond, "+.3f"), _ends(rather.auroc, ".2f"))
    return (
        row.name,
        _number(word.looks, ".3f"),
        _number(word.habit, ".3f"),
        _ends(word.truck, "+.3f"),
        _ends(word.house, "+.3f"),
        _ends(word.beyond, "+.3f"),
        _ends(word.auroc, ".2f"),
        _ends(word.auroc_mass, ".2f"),
        *(against if contrasts else ()),
        str(row.scenes),
    )


def _number(one: Estimate, digits: str) -> str:
    return "" if math.isnan(one.value) else format(one.value, digits)


def _ends(one: Estimate, digits: str) -> str:
    if math.isnan(one.value):
        return ""
    return f"{one.value:{digits}} ({one.low:{digits}} to {one.high:{digits}})"


def _head(cells: tuple[str, ...]) -> list[str]:
    return [_row(cells), _row(("---", *["---:"] * (len(cells) - 1)))]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
