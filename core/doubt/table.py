"""What was found of doubt as Markdown: the signals of each label, and what calibrations catch."""

from __future__ import annotations

from ..cases.markdown import ends, table_head, table_row
from .figures import COMBINED, Group
from .kept import Doubt
from .registry import signals
from .units import SAYS

HEADER = ("signal", "AUROC", "above log-probability", "words without it")


def name_of(signal: str) -> str:
    """What a signal is called in a table."""
    if signal == COMBINED:
        return "all of them, combined (out of fold)"
    return signals()[signal].name if signal in signals() else signal


def title(group: Group) -> str:
    """What a group is about: "“this answer is wrong”, truck door: 20 of 40 words"."""
    family = f", {group.family}" if group.family else ""
    return f"“{SAYS[group.label]}”{family}: {group.wrong:,} of {group.wrong + group.right:,} words"


def doubt_table(found: Doubt) -> str:
    """One table for each label and family, with 95 % intervals; below, what the marks are worth."""
    lines = [f"{found.model_name}, {found.asked:,} of {found.cases:,} cases. {found.measured_on}"]
    for group in found.groups:
        lines += ["", f"{title(group)}.", ""]
        if not group.rows:
            lines.append(group.why)
            continue
        lines += table_head(HEADER)
        for row in group.rows:
            cells = (name_of(row.signal), ends(row.auroc, ".2f"), ends(row.beyond, "+.2f"), str(row.refused))
            lines.append(table_row(cells))
    lines += [
        "",
        *(calibration_sentence(found, one.tier) for one in found.calibrations),
        *([found.uncalibrated] if found.uncalibrated else []),
    ]
    return "\n".join(lines)


def calibration_sentence(found: Doubt, tier: str) -> str:
    """What the marks of a tier are worth, in a sentence."""
    one = found.tier(tier)
    if one is None:
        return f"There is no calibration of the {tier} signals."
    which = "Signals that need no further pass" if tier == "quick" else "All signals"
    return (
        f"{which}: where {one.marked.value:.0%} of {one.right:,} right words are marked, {one.caught.value:.0%} of "
        f"{one.wrong:,} wrong ones are ({one.caught.low:.0%} to {one.caught.high:.0%}), out of fold; AUROC "
        f"{one.auroc.value:.2f} ({one.auroc.low:.2f} to {one.auroc.high:.2f})."
    )
