"""`sightline remedies`: accuracy before and after every remedy, on drawn cases or a folder's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..cases.case import Case
from ..cases.formats.registry import read_folder
from ..cases.journal import check_journal
from ..cases.kept_remedies import journal_of, keep_remedies, remedies_table
from ..cases.plain import plain
from ..cases.remedied import KIND, expected, run_remedies
from ..cases.street import FAMILIES, street_cases
from ..errors import UnknownName
from ..runs.place import data_folder
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .completed import write_completed
from .console import Exit, bar, emit, say, say_forecast, stoppable

DOORS = ("house door", "truck door")
"""Drawn questions of which the embedded model answers the second by the wording."""
STREET = "street"


def run_drawn(
    spec: ModelSpec,
    number: int,
    families: Sequence[str] | None,
    chosen: Sequence[str] | None,
    out: Path | None,
    summary: Path | None,
    command: str,
) -> Exit:
    """So many drawn cases of each family, in their order."""
    for family in families or ():
        if family not in FAMILIES:
            raise UnknownName(f"There is no family {family!r}. Choose among {', '.join(FAMILIES)}.")
    cases = list(street_cases(number, tuple(families or DOORS)))
    return _run(spec, cases, {"name": STREET, "number": None}, chosen, out, summary, command)


def run_on_folder(
    spec: ModelSpec,
    folder: Path,
    form: str | None,
    number: int,
    seed: int,
    chosen: Sequence[str] | None,
    out: Path | None,
    summary: Path | None,
    command: str,
) -> Exit:
    """So many of a folder's cases, in an order that the seed decides."""
    format_, found = read_folder(folder, form)
    for problem in found.problems:
        say(problem)
    of = {"name": format_.key, "folder": str(folder.resolve()), "number": number, "seed": seed}
    return _run(spec, found.cases, of, chosen, out, summary, command)


def _run(
    spec: ModelSpec,
    cases: Sequence[Case],
    of: dict[str, Any],
    chosen: Sequence[str] | None,
    out: Path | None,
    summary: Path | None,
    command: str,
) -> Exit:
    """Go on with the lines in `out`, and tell what was mended and broken; `summary` is written when it is complete."""
    if out is not None:
        check_journal(out, KIND)
    with reserved(summary, beside=[out] if out else []), stoppable() as cancel, bar("remedies") as progress:
        model = load(spec)
        told = expected(model, min(len(cases), of["number"] or len(cases)))
        say_forecast(told, "The remedies", "What is finished is kept; fewer cases or remedies take less.")
        kept = journal_of(data_folder(), model.card.fingerprint, of["name"], of.get("folder", ""), of.get("seed", 0))
        journal = out or kept
        found = run_remedies(model, cases, journal, chosen=chosen, progress=progress, cancel=cancel, **of)
        say(remedies_table(found))
        if found.asked:
            keep_remedies(found, kept, command)
        record = plain({"command": command, **asdict(found)})
        try:
            write_completed(lambda: record, summary, cancel, "the remedies are not complete")
        finally:  # what was measured is told, also where the file cannot be written
            for family in record["families"]:
                for row in family["ranking"]:
                    emit({"family": family["family"], **row})
            whole = {name: value for name, value in record.items() if name != "families"}
            emit({**whole, "file": str(journal), "complete": not cancel.cancelled})
    if cancel.cancelled:
        return Exit.STOPPED
    return Exit.INCOMPLETE if found.problems else Exit.DONE
