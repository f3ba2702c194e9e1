"""`sightline doubt`: how well signals tell wrong words from right ones, and what a calibration is made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ..cases.case import Case
from ..cases.formats.registry import read_folder
from ..cases.journal import check_journal
from ..cases.league import chosen
from ..doubt.cases import doubt_cases
from ..doubt.kept import STREET, doubt, measured_on, record_of
from ..doubt.registry import signals
from ..doubt.run import KIND, expected, run_doubt
from ..doubt.table import doubt_table
from ..errors import WrongOption
from ..plugins import description
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .completed import write_completed
from .console import Exit, bar, emit, say, say_forecast, stoppable


def tell_signals() -> Exit:
    """A line for each signal: what it is, which way it points, whose it is, and what it cannot tell."""
    for one in signals().values():
        told = {"signal": one.key, "name": one.name, "more doubt": one.doubtful, "paper": one.paper}
        emit({**told, "unit": one.unit, "says": description(one), "caveat": one.caveat})
    return Exit.DONE


def run(
    spec: ModelSpec,
    folder: Path | None,
    form: str | None,
    street: int | None,
    out: Path,
    limit: int | None,
    keys: Sequence[str] | None,
    summary: Path | None,
    command: str,
) -> Exit:
    """Go on with the measurement in `out`, and tell how well signals tell wrong from right; `summary` is written when
    all cases are measured."""
    wanted_keys = chosen("signal", list(signals()), keys)
    check_journal(out, KIND)
    name, cases, problems = _cases(folder, form, street, limit)
    for problem in problems:
        say(problem)
    with reserved(summary, beside=[out]):
        model = load(spec)
        say_forecast(expected(model, len(cases)), "Measuring", "What is measured already is kept.")
        with stoppable() as cancel, bar("measuring doubt") as progress:
            lines = run_doubt(
                model,
                cases,
                out,
                name=name,
                folder=str(folder or ""),
                keys=wanted_keys,
                progress=progress,
                cancel=cancel,
            )
        found = doubt(model.card, measured_on(name, len(cases)), lines)
        say(doubt_table(found))
        record = record_of(found, command)
        try:
            write_completed(lambda: record, summary, cancel, "not all cases are measured")
        finally:
            for group in record["groups"]:
                for row in group["rows"]:
                    emit({"label": group["label"], "family": group["family"], **row})
            rest = {key: value for key, value in record.items() if key != "groups"}
            emit({**rest, "complete": not cancel.cancelled})
    if cancel.cancelled:
        return Exit.STOPPED
    return Exit.DONE if found.asked == found.cases else Exit.INCOMPLETE


def _cases(
    folder: Path | None, form: str | None, street: int | None, limit: int | None
) -> tuple[str, list[Case], tuple[str, ...]]:
    if (folder is None) == (street is None):
        raise WrongOption("Give a folder of cases, or --street with a number of drawn cases of each family.")
    if folder is None:
        return STREET, list(islice(doubt_cases(street or 0), limit)), ()
    format_, found = read_folder(folder, form)
    return format_.key, list(islice(found.cases, limit)), found.problems
