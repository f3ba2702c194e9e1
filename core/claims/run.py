"""Measuring the scenes of claims, here or on workers, one line of a journal for each.

The claims take turns, so that a run that was stopped has something to say of each; it goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count, islice, zip_longest
from pathlib import Path
from typing import Any

from ..cases.journal import Journal, Record, each_line
from ..cases.plain import plain
from ..errors import JournalError, ModelUnavailable, NotApplicable
from ..typed import typed
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.model import ModelCard, VisionLanguageModel
from ..workers.base import Workers, workers_of
from .claim import Claim, Example, Measure
from .registry import claims_named
from .report import Report, Results, reported

KIND = "claims"
SCENES = 200
"""So many the committed results are of."""
LIBRARIES = ("torch", "transformers", "numpy")


def run_claims(
    who: VisionLanguageModel | Workers,
    file: Path | None,
    scenes: int | None = SCENES,
    keys: Sequence[str] | None = None,
    *,
    command: str = "",
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Results:
    """Have a model, or workers, measured on the first `scenes` scenes (None: as many as each claim says) of some claims
    (all by default), appending to the journal `file` (None: in memory), and conclude.

    Goes on with a journal that the same model began. Stopped by `cancel`, it concludes from what is measured; raises
    Cancelled where that is nothing. Raises JournalError (OtherRun for a journal of another model), NotEnoughMemory,
    WorkersUnavailable, and UnknownName for a claim that there is not.
    """
    workers, chosen = workers_of(who), claims_named(keys)
    card = workers.card
    about = {"model_name": card.name, "begun": datetime.now(UTC).isoformat(timespec="seconds")}
    with _journal(file, card, about) as journal:
        if journal and file:
            each_line(journal.records, lambda record: typed(_Line, record), file)
        run = _Run(chosen, {key: claim.scenes if scenes is None else scenes for key, claim in chosen.items()}, journal)
        try:
            run.measure(workers, cancel, progress)
        except Cancelled:
            if not any(run.lines(key) for key in chosen):
                raise
        reports = [_concluded(claim, run, file) for claim in chosen.values()]
        begun = journal.header["about"]["begun"] if journal else about["begun"]
    return Results(
        command=command,
        model=card.fingerprint,
        model_name=card.name,
        begun=begun,
        seconds=sum(report.seconds for report in reports),
        processor=sum(report.processor for report in reports),
        versions={name: version(name) for name in LIBRARIES},
        reports=tuple(reports),
    )


def _concluded(claim: Claim[Any], run: _Run, file: Path | None) -> Report:
    """The report of a claim. Raises JournalError where what a journal has of it is not what it measures."""
    key = claim.key
    try:
        return reported(claim, run.lines(key), run.wanted[key], run.problems.get(key), run.examples(key))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if file is None or not run.went_on(key):
            raise
        raise JournalError(
            f"The lines of {key} in {file.name} are not what it measures ({error!r:.80}). Delete them, or choose "
            "another journal."
        ) from error


@dataclass(frozen=True)
class _Line:
    """What a line must have, whatever the claim."""

    claim: str
    settings: str
    subject: str
    seconds: float
    processor: float
    values: Mapping[str, Any] | None


def journal_of(card: ModelCard) -> Path:
    """Where a model's measurements are kept unless somebody says otherwise."""
    return Path("checkpoints") / f"{KIND}-{card.fingerprint[:8]}.jsonl"


def examples_of(
    claim: Claim[Any],
    model: VisionLanguageModel,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[Example, ...]:
    """The examples of a claim whose first scenes were measured some time ago. Raises what measuring raises."""
    measure = claim.measure(model, cancel)
    found: list[Example] = []
    for number, (_, subject) in enumerate(islice(claim.subjects(), claim.shown), 1):
        found += measure(subject, cancel).examples
        progress(number / claim.shown)
    return tuple(found)


def _journal(file: Path | None, card: ModelCard, about: dict[str, str]) -> AbstractContextManager[Journal | None]:
    return nullcontext() if file is None else Journal(file, KIND, {"model": card.fingerprint}, about)


def settings_key(claim: Claim[Any]) -> str:
    """What a line's measurements were made with: a digest of the settings."""
    return hashlib.sha256(json.dumps(plain(claim.settings), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Task:
    """A subject of a claim, under its name and in its place among the others. Claims are known by their keys, as they
    are elsewhere too."""

    claim: str
    settings: str
    place: int
    name: str
    subject: Any

    def __str__(self) -> str:
        return f"{self.claim} {self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        return self.claim, self.settings, self.name


@dataclass(frozen=True)
class _Measured:
    """What became of a task: its line with the examples it gave, or why this model cannot be measured at all."""

    task: _Task
    line: Record | None = None
    examples: tuple[Example, ...] = ()
    problem: str | None = None


class _Run:
    """What is known, and what is still to be measured, of the first `wanted` scenes of each of some claims. `problems`
    are of those that this model cannot be asked."""

    def __init__(self, chosen: Mapping[str, Claim[Any]], wanted: Mapping[str, int], journal: Journal | None) -> None:
        self.wanted = wanted
        self.problems: dict[str, str] = {}
        self._chosen, self._journal = chosen, journal
        self._settings = {key: settings_key(claim) for key, claim in chosen.items()}
        records = journal.records if journal else []
        self._known = {(line["claim"], line["settings"], line["subject"]): line for line in records}
        self._examples: dict[str, dict[int, tuple[Example, ...]]] = {key: {} for key in chosen}
        # By claim, the lines of its scenes by their place.
        self._lines: dict[str, dict[int, Record]] = {key: {} for key in chosen}

    def lines(self, key: str) -> list[Record]:
        """Those of a claim, in the order of its scenes."""
        return [line for _, line in sorted(self._lines[key].items())]

    def went_on(self, key: str) -> bool:
        """Whether some of its scenes were in the journal already."""
        return any(known[0] == key for known in self._known)

    def examples(self, key: str) -> tuple[Example, ...]:
        """Those of a claim's first scenes; none where some of them were measured some time ago."""
        shown = min(self._chosen[key].shown, len(self._lines[key]))
        at_hand = self._examples[key]
        return tuple(one for place in range(shown) for one in at_hand[place]) if len(at_hand) == shown else ()

    def measure(self, workers: Workers, cancel: CancelToken | None, progress: Callable[[float], None]) -> None:
        """Have what is missing measured. Raises Cancelled and WorkersUnavailable."""
        done, total = count(1), sum(self.wanted.values())
        progress(0.0)

        def missing() -> Iterator[_Task]:
            for task in self._tasks():
                if (line := self._known.get(task.key)) is not None:
                    self._lines[task.claim][task.place] = line
                elif task.claim not in self.problems:
                    yield task
                    continue
                progress(next(done) / total)

        for measured in workers.each(_measuring, missing(), cancel):
            self._keep(measured)
            progress(next(done) / total)

    def _tasks(self) -> Iterator[_Task]:
        """All there is to measure; the claims take turns."""
        subjects = [islice(claim.subjects(), self.wanted[key]) for key, claim in self._chosen.items()]
        for place, together in enumerate(zip_longest(*subjects)):
            for key, subject in zip(self._chosen, together, strict=True):
                if subject is not None:
                    yield _Task(key, self._settings[key], place, *subject)

    def _keep(self, measured: _Measured) -> None:
        task = measured.task
        if measured.line is None:
            self.problems[task.claim] = measured.problem or ""
            return
        if self._journal is not None:
            self._journal.append(measured.line)
        self._lines[task.claim][task.place] = measured.line
        if task.place < self._chosen[task.claim].shown:
            self._examples[task.claim][task.place] = measured.examples


def _measuring(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[_Task], _Measured]:
    """What measures with one model, each claim's means made once."""
    measures: dict[str, Measure[Any]] = {}

    def measured(task: _Task) -> _Measured:
        claim = claims_named([task.claim])[task.claim]
        began, busy = time.perf_counter(), time.process_time()
        try:
            if task.claim not in measures:
                measures[task.claim] = claim.measure(model, cancel)
            sample = measures[task.claim](task.subject, cancel)
        except (NotApplicable, ModelUnavailable) as error:
            return _Measured(task, problem=str(error))
        # In the digits that a journal keeps, so that a run that went on concludes as one that did not.
        line: Record = plain(
            {
                **dict(zip(("claim", "settings", "subject"), task.key, strict=True)),
                "seconds": time.perf_counter() - began,
                "processor": time.process_time() - busy,
                "values": sample.values,
            }
        )
        return _Measured(task, line, sample.examples if task.place < claim.shown else ())

    return measured
