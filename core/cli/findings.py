"""`python -m core findings`: published findings measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cases.findings.run import run_findings
from ..cases.plain import write_plain
from ..vlm.model import VisionLanguageModel
from .console import Exit, bar, emit, say, stoppable

VERDICTS = {True: "reproduces", False: "does not reproduce", None: "cannot be told"}


def run(model: VisionLanguageModel, journal: Path, scenes: int, keys: Sequence[str] | None, out: Path | None) -> Exit:
    """Go on with the findings in `journal`, and tell each verdict; written to `out` when all scenes are read."""
    options = [f"--scenes {scenes}", *(f"--finding {key}" for key in keys or ()), *([f"--out {out}"] if out else [])]
    with stoppable() as cancel, bar("findings") as progress:
        found = run_findings(
            model,
            journal,
            scenes,
            keys,
            command=f"python -m core findings {' '.join(options)}",
            cancel=cancel,
            progress=progress,
        )
    for report in found.findings:
        say(f"{report.title}: {VERDICTS[report.reproduces]} ({report.used} of {report.asked} scenes). {report.because}")
        emit(asdict(report))
    if cancel.cancelled:
        return Exit.STOPPED
    if out is not None:
        write_plain(asdict(found), out)
    return Exit.DONE
