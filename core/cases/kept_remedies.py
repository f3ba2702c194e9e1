"""What runs of remedies leave: where their lines are kept, the figures that come with Sightline, and their table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..assets import asset
from .kept_summary import read_summary
from .markdown import ends, number, table_head, table_row
from .remedy_figures import RemedyFigures

COMMITTED = asset("remedies.json")
FIRST, CHOOSE = "Run `sightline remedies` first.", "Choose what `sightline remedies --summary` wrote."


@dataclass(frozen=True)
class KeptRemedies:
    """What remedies did, and the command that measures it."""

    found: RemedyFigures
    command: str


def read_remedies(file: Path | None = None) -> KeptRemedies:
    """What `sightline remedies --summary` wrote, by default the file kept here: of the embedded model at the house's
    and the truck's door. Raises JournalError, with what to do, where there is none."""
    return KeptRemedies(*read_summary(file or COMMITTED, RemedyFigures, "remedies", FIRST, CHOOSE))


def journal_of(home: Path, fingerprint: str, name: str, folder: str, seed: int) -> Path:
    """Where the lines of a model's run on a set are kept, below the folder for data."""
    told = hashlib.sha256(f"{name}\n{folder}\n{seed}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return home / "remedies" / f"{fingerprint[:12]}-{told}.jsonl"


def remedies_table(found: RemedyFigures) -> str:
    """Markdown: a row for each family and remedy, the largest gain first."""
    head = (
        "cases",
        "remedy",
        "right before",
        "right after",
        "gain",
        "mended",
        "broken",
        "refused",
        "p (Holm)",
        "passes",
    )
    lines = table_head(head)
    for family in found.families:
        for row in family.ranking:
            cells = [f"{family.family} ({row.cases})", row.name, ends(row.before, ".2f"), ends(row.after, ".2f")]
            cells += [ends(row.gain, "+.2f"), str(row.mended), str(row.broken), str(row.refused)]
            cells += [number(row.p_corrected, ".2g"), number(row.passes, ".1f")]
            lines.append(table_row(cells))
    lines += ["", "A remedy that could not be applied leaves the answer as it is. Asking once takes one pass."]
    if found.problems:
        lines.append(f"Could not be asked: {found.problems:,} ({found.why})")
    if found.asked < found.cases:
        lines.append(f"Not asked yet: {found.cases - found.asked:,} of {found.cases:,} cases.")
    return "\n".join(lines)
