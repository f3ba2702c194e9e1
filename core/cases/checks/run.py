"""The checks run over cases, kept line by line, and gone on with after whatever ended them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ...explainers.registry import explainers
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ..journal import Journal, Record, each_line
from ..league import chosen
from ..score_case import METHOD_SETTINGS
from ..street import FAMILIES, street_cases
from .figures import Checks, checks, read_line
from .measuring import LEVELS, SETTINGS, measure, measure_moved
from .pictures import moved_things

KIND = "checks"
CASES = 5
THINGS = 8
DEGRADED = ("integrated_gradients", "relevancy")
"""Methods whose maps are degraded, one that is among the best by deletion and insertion and one that is not."""


def run_checks(
    model: VisionLanguageModel,
    out_file: Path,
    cases_per_family: int = CASES,
    things: int = THINGS,
    methods: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> Checks:
    """Hold the maps of methods (by key; all but the controls by default) on street cases, and on `things` that are
    moved, against what they must do, appending to `out_file`; and metrics against maps that noise makes worse.

    Goes on with a file that the same model began, fills in methods that it lacks, and tells of all that it holds.
    Stopped by `cancel`, tells what there is so far. Raises JournalError (OtherRun for a file of another model or
    settings), and UnknownName for a method that there is not.
    """
    known = explainers()
    usual = [key for key, one in known.items() if not one.control]
    wanted = chosen("explainer", list(known), usual if methods is None else methods)
    identity = {
        "model": model.card.fingerprint,
        "settings": {
            "levels": list(LEVELS),
            "evidence": asdict(SETTINGS),
            "methods": {key: asdict(settings) for key, settings in METHOD_SETTINGS.items()},
        },
    }
    with Journal(out_file, KIND, identity, {"model_name": model.card.name}) as journal:
        lines = each_line(journal.records, read_line, out_file)
        finished = {(line.case, line.method) for line in lines}
        unusable = {line.case for line in lines if line.method is None}
        total = len(FAMILIES) * cases_per_family + things

        def missing(case: str) -> list[str]:
            return [] if case in unusable else [key for key in wanted if (case, key) not in finished]

        def keep(records: Iterable[Record]) -> None:
            for record in records:
                journal.append(record)
                lines.append(read_line(record))

        with suppress(Cancelled):
            done = 0
            for thing in moved_things(things):
                if todo := missing(thing.id):
                    keep(measure_moved(model, thing, todo, cancel))
                progress((done := done + 1) / total)
            for case in street_cases(cases_per_family):
                if todo := missing(case.id):
                    keep(measure(model, case, todo, [key for key in DEGRADED if key in todo], cancel))
                progress((done := done + 1) / total)
        return checks(model.card.fingerprint, model.card.name, lines)
