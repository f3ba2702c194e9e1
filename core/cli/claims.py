"""`claims`, and its older views `findings` and `study`: published claims, measured again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..cases.journal import check_journal
from ..claims.registry import claims, claims_named
from ..claims.report import Results, committed_results, committed_trouble, verdict_of
from ..claims.run import KIND, journal_of, run_claims
from ..vlm.forecast import Forecast
from ..vlm.loading import EMBEDDED
from ..vlm.pass_costs import NOTHING
from ..writing import reserved
from .asking import Staff
from .completed import write_completed
from .console import Exit, bar, emit, say, say_forecast, stoppable


def listed() -> Exit:
    """A line for each claim: what is claimed, by whom, when it counts as reproduced, and how it stands for the model
    that comes with Sightline."""
    results = committed_results()
    if trouble := committed_trouble():
        say(trouble)
    for key, claim in claims().items():
        report = results.of(claim) if results else None
        told = {name: getattr(claim, name) for name in ("name", "says", "paper", "link", "rule")}
        emit({"claim": key, **told, "verdict": verdict_of(report), "scenes": report.asked if report else 0})
    return Exit.DONE


def listed_as_studies() -> Exit:
    """The same in the words that `study` has for it."""
    results = committed_results()
    if trouble := committed_trouble():
        say(trouble)
    for key, claim in claims().items():
        told = {"title": claim.name, "claim": claim.says, "source": claim.paper, "rule": claim.rule}
        emit({"study": key, **told, "verdict": verdict_of(results.of(claim) if results else None)})
    return Exit.DONE


def run(
    staff: Staff,
    keys: Sequence[str] | None,
    scenes: int,
    journal: Path | None,
    out: Path | None,
    command: Sequence[str],
) -> Exit:
    """Go on with the claims in `journal` (the model's own by default), and tell each verdict; written to `out` when all
    scenes are measured. `command` are the words that would do the same again."""
    if journal is not None:
        check_journal(journal, KIND)
    with reserved(out, beside=[journal]):
        return _run(staff, keys, scenes, journal, out, command)


def _run(
    staff: Staff,
    keys: Sequence[str] | None,
    scenes: int,
    journal: Path | None,
    out: Path | None,
    command: Sequence[str],
) -> Exit:
    if staff.engine == "local" and staff.spec == EMBEDDED and (known := committed_results()) is not None:
        reports = filter(None, (known.of(claim) for claim in claims_named(keys).values()))
        told = sum((report.expected(scenes) for report in reports), Forecast(NOTHING, 0.0))
        say_forecast(told, "The claims, as fast as they were measured before", "What is measured is kept.")
    with stoppable() as cancel, bar("claims") as progress, staff.at_work(cancel) as who:
        results = run_claims(
            who,
            journal or journal_of(who.card),
            scenes,
            keys,
            command=shlex.join(["sightline", *command]),
            cancel=cancel,
            progress=progress,
        )
    try:
        write_completed(results.record, out, cancel, "not all scenes are measured")
    finally:  # what is measured is told, also where the file cannot be written
        _tell(results)
    return Exit.STOPPED if cancel.cancelled else Exit.DONE


def run_study(staff: Staff, key: str, scenes: int | None, journal: Path | None) -> Exit:
    """A line for each figure of one claim, and one for the verdict."""
    [claim] = claims_named([key]).values()
    if journal is not None:
        check_journal(journal, KIND)
    with stoppable() as cancel, bar(claim.name) as progress, staff.at_work(cancel) as who:
        file = journal or journal_of(who.card)
        [report] = run_claims(who, file, scenes, [key], cancel=cancel, progress=progress).reports
    if not report.asked:
        say(report.because)
        return Exit.IMPOSSIBLE
    for figure in report.figures:
        emit(figure.record())
    verdict = {"verdict": report.verdict, "because": report.because, "rule": claim.rule, "caveat": claim.caveat}
    emit({"study": claim.key, **verdict, "scenes": report.asked, "seconds": round(report.seconds, 2)})
    return Exit.STOPPED if cancel.cancelled else Exit.DONE


def _tell(results: Results) -> None:
    for report in results.reports:
        counted = f"{report.used} of {report.asked} scenes"
        say(f"{report.definition['name']}: {report.verdict} ({counted}). {report.because}")
        emit(report.record())
