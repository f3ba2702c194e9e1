"""Signals of doubt over a set of cases: kept line by line, and gone on with after whatever ended it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..cases.case import Case
from ..cases.journal import Journal, each_line, read_journal
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast, each_of
from ..vlm.model import VisionLanguageModel
from ..vlm.pace import stopwatch
from .measuring import Line, measure_case, read_line
from .registry import signals

KIND = "doubt"
ASKS = 20.0
"""A case takes about as long as so many answers, until some were measured here."""


def run_doubt(
    model: VisionLanguageModel,
    cases: Sequence[Case],
    out_file: Path,
    *,
    name: str,
    folder: str = "",
    keys: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> list[Line]:
    """Measure signals (all by default) of the answers to those of `cases` that `out_file` has no line of yet, and
    return the lines of all of them. `name` is the set's.

    Goes on with a file that the same model began on this set with these signals. Stopped by `cancel`, tells what is
    there. Raises JournalError (OtherRun for a file that was begun otherwise), UnknownName for a signal that there is
    not.
    """
    chosen_keys = list(signals()) if keys is None else list(keys)
    identity = {"set": name, "model": model.card.fingerprint, "signals": chosen_keys}
    with Journal(out_file, KIND, identity, {"model_name": model.card.name, "folder": folder}) as journal:
        lines = {(line.case, line.key): line for line in each_line(journal.records, read_line, out_file)}
        wanted = [(case, (case.id, case.fingerprint())) for case in cases]
        with suppress(Cancelled):
            for number, (case, id_) in enumerate(wanted, 1):
                if id_ not in lines:
                    began = stopwatch(model.card.device)
                    record = measure_case(model, case, chosen_keys, cancel)
                    journal.append(record)
                    lines[id_] = read_line(record)
                    model.pace.note(KIND, 1, began.took())
                progress(number / len(wanted))
        return [lines[id_] for _, id_ in wanted if id_ in lines]


def read_lines(file: Path) -> tuple[dict[str, object], list[Line]]:
    """The header of a journal of doubt, and its lines, the last of each case. Raises JournalError."""
    header, records = read_journal(file, KIND)
    lines = {line.case: line for line in each_line(records, read_line, file)}
    return header, list(lines.values())


def expected(model: VisionLanguageModel, cases: int) -> Forecast:
    """How long measuring so many cases will take here."""
    return each_of(model, KIND, cases, ASKS, "case")
