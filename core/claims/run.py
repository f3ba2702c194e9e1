"""Measuring the scenes of claims, one line of a journal for each.

The claims take turns, so that a run that was stopped has something to say of each; it goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from ..cases.journal import Journal, Record
from ..cases.plain import plain
from ..errors import ModelUnavailable, NotApplicable
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Example, Measure
from .registry import claims_named
from .report import Results, reported

KIND = "claims"
SCENES = 200
"""So many the committed results are of."""
LIBRARIES = ("torch", "transformers", "numpy")


def run_claims(
    model: VisionLanguageModel,
    file: Path | None,
    scenes: int | None = SCENES,
    keys: Sequence[str] | None = None,
    *,
    command: str = "",
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Results:
    """Measure the first `scenes` scenes (None: as many as each claim says) of some claims (all by default), appending
    to the journal `file` (None: in memory), and conclude.

    Goes on with a journal that the same model began. Stopped by `cancel`, it concludes from what is measured; raises
    Cancelled where that is nothing. Raises JournalError (OtherRun for a journal of another model), NotEnoughMemory, and
    UnknownName for a claim that there is not.
    """
    chosen = claims_named(keys).values()
    about = {"model_name": model.card.name, "begun": datetime.now(UTC).isoformat(timespec="seconds")}
    with _journal(file, model, about) as journal:
        run = _Run(model, journal, cancel)
        wanted = {claim.key: claim.scenes if scenes is None else scenes for claim in chosen}
        subjects = [islice(claim.subjects(), wanted[claim.key]) for claim in chosen]
        progress(0.0)
        try:
            for number, together in enumerate(zip_longest(*subjects), start=1):
                for claim, subject in zip(chosen, together, strict=True):
                    if subject is not None:
                        run.measure(claim, *subject)
                progress(number / max(wanted.values()))
        except Cancelled:
            if not any(run.lines.values()):
                raise
        reports = [
            reported(
                claim,
                run.lines.get(claim.key, []),
                wanted[claim.key],
                run.problems.get(claim.key),
                tuple(run.examples.get(claim.key, ())),
            )
            for claim in chosen
        ]
        begun = journal.header["about"]["begun"] if journal else about["begun"]
    return Results(
        command=command,
        model=model.card.fingerprint,
        model_name=model.card.name,
        begun=begun,
        seconds=sum(report.seconds for report in reports),
        processor=sum(report.processor for report in reports),
        versions={name: version(name) for name in LIBRARIES},
        reports=tuple(reports),
    )


def journal_of(model: VisionLanguageModel) -> Path:
    """Where a model's measurements are kept unless somebody says otherwise."""
    return Path("checkpoints") / f"{KIND}-{model.card.fingerprint[:8]}.jsonl"


def examples_of(
    claim: Claim[Any], model: VisionLanguageModel, cancel: CancelToken | None = None
) -> tuple[Example, ...]:
    """The examples of a claim whose first scenes were measured some time ago. Raises what measuring raises."""
    measure = claim.measure(model, cancel)
    first = islice(claim.subjects(), claim.shown)
    return tuple(example for _, subject in first for example in measure(subject, cancel).examples)


def _journal(
    file: Path | None, model: VisionLanguageModel, about: dict[str, str]
) -> AbstractContextManager[Journal | None]:
    return nullcontext() if file is None else Journal(file, KIND, {"model": model.card.fingerprint}, about)


def settings_key(claim: Claim[Any]) -> str:
    """What a line's measurements were made with: a digest of the settings."""
    return hashlib.sha256(json.dumps(plain(claim.settings), sort_keys=True).encode()).hexdigest()[:12]


class _Run:
    """What is known and what is at hand while scenes are measured: by claim its `lines` of the scenes asked for, what
    measures it, its `examples`, and the `problems` of those that this model cannot be asked."""

    def __init__(self, model: VisionLanguageModel, journal: Journal | None, cancel: CancelToken | None) -> None:
        self.lines: dict[str, list[Record]] = {}
        self.problems: dict[str, str] = {}
        self.examples: dict[str, list[Example]] = {}
        self._model, self._journal, self._cancel = model, journal, cancel
        records = journal.records if journal else []
        self._known = {(line["claim"], line["settings"], line["subject"]): line for line in records}
        self._measures: dict[str, Measure[Any]] = {}

    def measure(self, claim: Claim[Any], name: str, subject: Any) -> None:
        """The line of a subject, from the journal or measured now. Raises Cancelled."""
        key = (claim.key, settings_key(claim), name)
        line = self._known.get(key)
        if line is None:
            if claim.key in self.problems:
                return
            try:
                line = self._measured(claim, key, subject)
            except (NotApplicable, ModelUnavailable) as error:
                self.problems[claim.key] = str(error)
                return
            if self._journal is not None:
                self._journal.append(line)
        else:
            self.examples[claim.key] = []  # those of some first scenes are no longer at hand
        self.lines.setdefault(claim.key, []).append(line)

    def _measured(self, claim: Claim[Any], key: tuple[str, str, str], subject: Any) -> Record:
        if self._cancel is not None:
            self._cancel.check()
        began, busy = time.perf_counter(), time.process_time()
        if claim.key not in self._measures:
            self._measures[claim.key] = claim.measure(self._model, self._cancel)
        sample = self._measures[claim.key](subject, self._cancel)
        if len(self.lines.get(claim.key, ())) < claim.shown:
            self.examples.setdefault(claim.key, []).extend(sample.examples)
        # In the digits that a journal keeps, so that a run that went on concludes as one that did not.
        line: Record = plain(
            {
                **dict(zip(("claim", "settings", "subject"), key, strict=True)),
                "seconds": time.perf_counter() - began,
                "processor": time.process_time() - busy,
                "values": sample.values,
            }
        )
        return line
