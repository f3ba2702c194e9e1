"""Every method against true effects: run over the league's cases, kept line by line, and gone on with after whatever
ended it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ...explainers.registry import explainers
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ..journal import Journal, each_line
from ..league import chosen
from ..score_case import METHOD_SETTINGS
from ..street import FAMILIES, street_cases
from .figures import TrueEffects, read_line, true_effects_of
from .measuring import RANDOM_DRAWS, measure

KIND = "true effects"
CASES = 20
"""Cases of each family."""


def run_true_effects(
    model: VisionLanguageModel,
    out_file: Path,
    cases_per_family: int = CASES,
    methods: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> TrueEffects:
    """Have a model answer the league's first cases of each family, redraw every thing in their scenes, and hold the
    maps of methods (by key; all by default, controls too) against what that does, appending to `out_file`.

    Goes on with a file that the same model began, fills in methods that it lacks, and tells of all that it holds.
    Stopped by `cancel`, tells how the methods stand so far. Raises JournalError (OtherRun for a file of another model
    or other settings), and UnknownName for a method that there is not.
    """
    wanted = chosen("explainer", list(explainers()), methods)
    settings = {key: asdict(own) for key, own in METHOD_SETTINGS.items()}
    identity = {"model": model.card.fingerprint, "settings": settings, "random maps": RANDOM_DRAWS}
    total = cases_per_family * len(FAMILIES)
    with Journal(out_file, KIND, identity, {"model_name": model.card.name}) as journal:
        lines = each_line(journal.records, read_line, out_file)
        finished = {(line.case, line.method) for line in lines}
        unusable = {line.case for line in lines if line.method is None and line.problem is not None}
        with suppress(Cancelled):
            for number, case in enumerate(street_cases(cases_per_family), 1):
                missing = [key for key in wanted if (case.id, key) not in finished]
                effects = (case.id, None) not in finished
                if case.id not in unusable and (missing or effects):
                    for record in measure(model, case, missing, effects, cancel):
                        journal.append(record)
                        lines.append(read_line(record))
                progress(number / total)
        return true_effects_of(model.card.fingerprint, model.card.name, lines)
