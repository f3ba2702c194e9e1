"""Reading the scenes of all findings, one line of a journal for each.

The findings take turns, so that a run that was stopped has something to say of each; it goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ...errors import ModelUnavailable, NotApplicable, UnknownName
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ..journal import Journal, Record
from ..plain import plain
from .finding import Finding, Reader
from .registry import findings
from .report import Findings, reported

KIND = "findings"
SCENES = 200
LIBRARIES = ("torch", "transformers", "numpy")


def run_findings(
    model: VisionLanguageModel,
    file: Path,
    scenes: int = SCENES,
    keys: Sequence[str] | None = None,
    *,
    command: str = "",
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Findings:
    """Read the first `scenes` scenes of some findings (all by default), appending to the journal `file`, and conclude.

    Goes on with a journal that the same model began. Stopped by `cancel`, it concludes from what is read. Raises
    JournalError (OtherRun for a journal of another model or other settings), NotEnoughMemory, and UnknownName for a
    finding that there is not.
    """
    known = findings()
    for key in keys or ():
        if key not in known:
            raise UnknownName(f"There is no finding {key!r}. Choose among {', '.join(known)}.")
    chosen = [finding for key, finding in known.items() if keys is None or key in keys]
    identity = {
        "model": model.card.fingerprint,
        "settings": {key: dict(finding.settings) for key, finding in known.items()},
    }
    about = {"model_name": model.card.name, "begun": datetime.now(UTC).isoformat(timespec="seconds")}
    with Journal(file, KIND, identity, about) as journal:
        run = _Run(model, journal, cancel)
        subjects = [finding.subjects(scenes) for finding in chosen]
        try:
            for number, together in enumerate(zip_longest(*subjects), start=1):
                for finding, subject in zip(chosen, together, strict=True):
                    if subject is not None:
                        run.read(finding, *subject)
                progress(number / scenes)
        except Cancelled:
            pass  # what is read is in the journal
        reports = [reported(one, run.lines.get(one.key, []), run.problems.get(one.key)) for one in chosen]
        header = journal.header
    return Findings(
        command=command,
        model=model.card.fingerprint,
        model_name=model.card.name,
        begun=header["about"]["begun"],
        scenes=scenes,
        seconds=sum(report.seconds for report in reports),
        processor=sum(report.processor for report in reports),
        versions={name: version(name) for name in LIBRARIES},
        findings=tuple(reports),
    )


class _Run:
    """What is known and what is at hand while scenes are read: by finding its `lines` of the subjects asked for, its
    reader, and the `problems` of those that this model cannot be asked."""

    def __init__(self, model: VisionLanguageModel, journal: Journal, cancel: CancelToken | None) -> None:
        self.lines: dict[str, list[Record]] = {}
        self.problems: dict[str, str] = {}
        self._model, self._journal, self._cancel = model, journal, cancel
        self._known = {(line["finding"], line["subject"]): line for line in journal.records}
        self._readers: dict[str, Reader[Any]] = {}

    def read(self, finding: Finding[Any], name: str, subject: Any) -> None:
        """The line of a subject, from the journal or read now. Raises Cancelled."""
        line = self._known.get((finding.key, name))
        if line is None:
            if finding.key in self.problems:
                return
            if self._cancel is not None:
                self._cancel.check()
            began, busy = time.perf_counter(), time.process_time()
            try:
                if finding.key not in self._readers:
                    self._readers[finding.key] = finding.reader(self._model, self._cancel)
                reading = self._readers[finding.key](subject, self._cancel)
            except (NotApplicable, ModelUnavailable) as error:
                self.problems[finding.key] = str(error)
                return
            line = {
                "finding": finding.key,
                "subject": name,
                "seconds": time.perf_counter() - began,
                "processor": time.process_time() - busy,
                "reading": reading,
            }
            self._journal.append(plain(line))
        self.lines.setdefault(finding.key, []).append(line)
