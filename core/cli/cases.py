"""`sightline cases`: check a folder, run it, report and compare runs, note what was seen."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from ..cases.case import Case
from ..cases.compare import compare
from ..cases.decisions import decide as decide_about
from ..cases.decisions import decisions_file
from ..cases.folder_league import KIND as LEAGUE
from ..cases.folder_league import wrong_answers
from ..cases.formats.base import CaseSet
from ..cases.formats.registry import formats, rates_of, read_folder
from ..cases.journal import check_journal, kind_of
from ..cases.notes import Note, annotate, notes_file, read_notes
from ..cases.rates import Rate
from ..cases.results import KIND, Result, Run, cropped, failures, not_understood, read_run, unread
from ..cases.runner import RunSettings, expected, run_cases
from ..cases.street import street_cases
from ..errors import WrongOption
from ..statistics.bootstrap import mean
from ..vlm.model import VisionLanguageModel
from ..writing import reserved
from .asking import Staff
from .console import Exit, bar, emit, say, say_forecast, stoppable
from .report import write_run

STREET = "street"
UNDERSTOOD = "answers that no rule understands; they are wrong until `cases decide` says otherwise"
VERDICTS = {"right": True, "wrong": False, "undecided": None}


def tell_formats() -> Exit:
    """A line for each format: whose it is, and what its folder must look like."""
    for one in formats().values():
        told = {"paper": one.paper, "published": one.published, "expects": one.expects}
        emit({"format": one.key, "name": one.name, **told})
    return Exit.DONE


def check(folder: Path, form: str | None) -> Exit:
    """What is wrong with a folder, before it is run."""
    format_, cases = read_folder(folder, form)
    stuck = sum(case.problem is not None for case in cases.cases)
    emit({"format": format_.key, "cases": len(cases.cases), "unanswerable": stuck, "problems": cases.problems})
    return Exit.INCOMPLETE if cases.problems else Exit.DONE


def run(
    staff: Staff,
    folder: Path | None,
    form: str | None,
    street: int | None,
    file: Path,
    limit: int | None,
    settings: RunSettings,
) -> Exit:
    """Ask the cases that `file` has no result of yet, and tell the rates."""
    name, set_of_cases = _cases(folder, form, street)
    check_journal(file, KIND)
    for problem in set_of_cases.problems:
        say(problem)
    wanted = list(islice(set_of_cases.cases, limit))
    about = {"name": name, "folder": str(folder or "")}
    with stoppable() as cancel, bar(f"asking {name}") as progress, staff.at_work(cancel) as who:
        if isinstance(who, VisionLanguageModel):
            say_forecast(expected(who, len(wanted)), "Asking", "What is asked already is kept.")
        done = run_cases(who, wanted, file, **about, settings=settings, cancel=cancel, progress=progress)
    return _told(done, wanted, file)


def report(file: Path, html: Path | None, wrong: bool, place: Path | None) -> Exit:
    """The rates of a run, its wrong answers, and a page of both."""
    place = place or notes_file(file)
    with reserved(html, beside=[file, place]):
        answered = read_run(file)
        notes = read_notes(place) if wrong else {}
        if html is not None:
            write_run(html, answered, rates_of(answered))
            say(f"The page is in {html}.")
    for rate in rates_of(answered):
        emit(_rate(rate))
    emit({"not understood": unread(answered), "counts": UNDERSTOOD})
    emit({"cropped": len(cropped(answered)), "counts": "cases of which the model never sees a part of a picture"})
    for answers, right in (("right", True), ("wrong", False)):
        values = [r.dependence for r in answered.results if r.right is right and r.dependence is not None]
        dependence = mean(values, "nats")
        told = {"mean": dependence.value, "low": dependence.low, "high": dependence.high, "of": dependence.count}
        emit({"image dependence": told, "target": "nats", "answers": answers})
    if wrong:
        for result in failures(answered):
            emit(_result(result, notes))
    return _complete(answered)


def compare_runs(first: Path, second: Path, differing: bool) -> Exit:
    """Two runs of one set beside each other."""
    one, other = read_run(first), read_run(second)
    comparison = compare(one, other)
    emit(
        {
            "first": one.model_name,
            "second": other.model_name,
            "cases": len(comparison.pairs),
            "both right": comparison.both,
            "only first right": comparison.only_first,
            "only second right": comparison.only_second,
            "neither right": comparison.neither,
            "gain": _rate(comparison.gain),
            "same answer": _rate(comparison.same),
            "mcnemar_p": comparison.p_value,
            "apart": comparison.apart,
        }
    )
    for result, beside in comparison.differing if differing else ():
        said = {"first": result.said, "second": beside.said, "right": "first" if result.right else "second"}
        emit({"id": result.id, "question": result.question, "expected": result.expected, **said})
    return Exit.DONE


def note(file: Path, case: str, text: str, tags: list[str], place: Path | None) -> Exit:
    """Note something about a case of a run. Raises NotSaved."""
    place = place or notes_file(file)
    if case not in {result.id for result in read_run(file).results}:
        raise WrongOption(f"{file.name} has no result of a case {case!r}.")
    annotate(place, case, Note(text, tuple(tags)))
    emit({"id": case, "note": text, "tags": tags, "file": str(place)})
    return Exit.DONE


def decide(file: Path, case: str | None, verdict: str | None) -> Exit:
    """Without a case the answers that were not understood; with one, what somebody decided about its answer. `file` are
    results of cases, or the lines of a folder's league. Raises DecisionsError."""
    answered = wrong_answers(file) if kind_of(file) == LEAGUE else read_run(file)
    if case is None or verdict is None:
        if case is not None:
            raise WrongOption(f"Say what the answer to {case!r} is: {', '.join(VERDICTS)}.")
        for result in not_understood(answered):
            emit({"id": result.id, "question": result.question, "expected": result.expected, "said": result.said})
        return Exit.DONE
    answers = {one.id: one for one in answered.results if one.answered}
    if case not in answers:
        raise WrongOption(f"{file.name} has no answer to a case {case!r}.")
    if verdict not in VERDICTS:
        raise WrongOption(f"There is no verdict {verdict!r}. Choose among {', '.join(VERDICTS)}.")
    place = decisions_file(file)
    said = answers[case].said
    decide_about(place, case, answers[case].key, said, VERDICTS[verdict])
    emit({"id": case, "said": said, "decided": verdict, "file": str(place)})
    return Exit.DONE


def _cases(folder: Path | None, form: str | None, street: int | None) -> tuple[str, CaseSet]:
    if (folder is None) == (street is None):
        raise WrongOption("Give a folder of cases, or --street with a number of drawn cases of each family.")
    if folder is None:
        return STREET, CaseSet(tuple(street_cases(street or 0)), ())
    format_, cases = read_folder(folder, form)
    return format_.key, cases


def _told(done: Run, wanted: list[Case], file: Path) -> Exit:
    for rate in rates_of(done):
        emit(_rate(rate))
    ids = {case.id for case in wanted}
    results = [result for result in done.results if result.id in ids]
    unasked = sum(not result.answered for result in results)
    emit({"file": str(file), "cases": len(wanted), "finished": len(results), "unanswerable": unasked})
    return Exit.STOPPED if len(results) < len(wanted) else _complete(done)


def _complete(run: Run) -> Exit:
    return Exit.DONE if all(result.answered for result in run.results) else Exit.INCOMPLETE


def _rate(rate: Rate) -> dict[str, Any]:
    share = rate.estimate
    figures = {"value": share.value, "low": share.low, "high": share.high, "of": share.count}
    return {"rate": rate.name, "group": rate.group, **figures, "counts": rate.meaning}


def _result(result: Result, notes: dict[str, Note]) -> dict[str, Any]:
    noted = notes.get(result.id, Note())
    return {**result.record(), "decided": result.decided, "note": noted.text, "tags": noted.tags}
