"""What runs of remedies leave: where their lines are kept, the figures that come with Sightline, and their table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ..assets import asset
from ..errors import JournalError
from . import kept_leagues
from .kept_summary import read_summary
from .markdown import ends, number, table_head, table_row
from .plain import write_plain
from .remedy_figures import RemedyFigures

COMMITTED = asset("remedies.json")
PLACE = "remedies"
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
    return kept_leagues.journal_of(home, fingerprint, name, folder, seed, PLACE)


def keep_remedies(found: RemedyFigures, journal: Path, command: str) -> Path:
    """Keep the figures beside their lines. Raises JournalError where that cannot be."""
    file = kept_leagues.result_of(journal)
    write_plain({"command": command, **asdict(found)}, file)
    return file


def kept_remedies(home: Path, fingerprint: str) -> list[KeptRemedies]:
    """The figures kept for a model, the latest first; those that cannot be read are left out."""
    try:
        states = [
            (file.stat().st_mtime_ns, file) for file in kept_leagues.leagues_of(home, fingerprint, PLACE).glob("*.json")
        ]
    except OSError:
        return []
    kept = []
    for _, file in sorted(states, reverse=True):
        try:
            kept.append(read_remedies(file))
        except JournalError:
            continue
    return [one for one in kept if one.found.model == fingerprint]


def remedies_table(found: RemedyFigures) -> str:
    """Markdown: a row for each family and remedy, the largest gain first."""
    head = ["cases", "remedy", "right before", "right after", "gain"]
    head += ["mended", "broken", "refused", "p (Holm)", "passes", "verdict"]
    lines = table_head(head)
    for family in found.families:
        for row in family.ranking:
            cells = [f"{family.family} ({row.cases})", row.name, ends(row.before, ".2f"), ends(row.after, ".2f")]
            cells += [ends(row.gain, "+.2f"), str(row.mended), str(row.broken), str(row.refused)]
            cells += [number(row.p_corrected, ".2g"), number(row.passes, ".1f"), row.verdict]
            lines.append(table_row(cells))
    lines += ["", *sentences(found)]
    return "\n".join(lines)


def sentences(found: RemedyFigures) -> list[str]:
    """What must be said beside the figures."""
    told = [
        "A remedy helps, or harms, where its gain's interval leaves 0 out and Holm's p is below 0.05. One that could "
        "not be applied leaves the answer as it is. Asking once takes one pass."
    ]
    if found.problems:
        told.append(f"Could not be asked: {found.problems:,} ({found.why})")
    if found.asked < found.cases:
        told.append(f"Not asked yet: {found.cases - found.asked:,} of {found.cases:,} cases.")
    return told
