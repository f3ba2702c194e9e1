"""The league on one's own pictures: every explainer under every metric, on cases of a folder, with any model.

One finished (case, method) is one line of a journal, as in the league on drawn streets. Cases come in an order that a
seed decides, so that more of them go on where fewer ended. A case that could not be scored (no memory, a mask of
another size) is a line that says why, and is tried again the next time. How the methods stand is `folder_standing.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from ..errors import ExplainError, NotApplicable, NotEnoughMemory, QuestionError, UnreadableImage
from ..explainers.registry import explainers as all_explainers
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast
from ..vlm.model import VisionLanguageModel
from ..workers.base import Workers, workers_of
from .case import Case
from .decisions import Decisions, decisions_file, read_decisions
from .folder_standing import FolderLeague, standing
from .journal import Journal, Record, each_line, read_journal
from .league import chosen, forecast_of
from .measured import CENTRE
from .ranking import check_line
from .results import Result, Run
from .score_case import SETTINGS, score_case

KIND = "folder league"
CASES = 100
ENDED = 3
"""Cases one after the other that do not fit into memory, after which no more are tried."""
GROUPS = ("family", "split", "category")
"""What of a case's source its group is named by."""


def run_folder_league(
    who: VisionLanguageModel | Workers,
    cases: Sequence[Case],
    out_file: Path,
    *,
    name: str,
    folder: str = "",
    number: int = CASES,
    seed: int = 0,
    explainers: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> FolderLeague:
    """Have a model's, or workers', explainers (by key; all but the controls by default) scored on `number` of a set's
    cases, appending to `out_file`, and tell how they stand. `name` is the set's ("mmvp"), `folder` where it came from.

    Goes on with a file that the same model began on this set with this seed. Stopped by `cancel`, tells how they stand
    so far. Raises JournalError (OtherRun), WorkersUnavailable, UnknownName for an explainer that there is not,
    NotApplicable where no case has a picture and a known answer, and NotEnoughMemory where no case fits.
    """
    methods = _methods(explainers)
    usable = sampled(cases, number, seed)
    workers = workers_of(who)
    settings = {**asdict(SETTINGS), "pointing": CENTRE}
    identity = {"model": workers.card.fingerprint, "set": name, "seed": seed, "settings": settings}
    about = {"model_name": workers.card.name, "device": workers.card.device, "folder": folder}
    with Journal(out_file, KIND, identity, about) as journal:
        each_line(journal.records, check_line, out_file)
        decisions = read_decisions(decisions_file(out_file))
        keys = {case.id: case_key(case) for case in usable}
        records = _current(journal.records, keys, decisions)
        finished = {(line["case"], line["method"]) for line in records if "problem" not in line or line["method"]}
        done, ended, scored = 0, 0, bool(finished)

        def waiting() -> Iterator[_Task]:
            nonlocal done
            for case in usable:
                missing = tuple(key for key in methods if (case.id, key) not in finished)
                if missing and (case.id, None) not in finished:
                    own = {said: right for (key, said), right in decisions.items() if key == case.fingerprint()}
                    yield _Task(case, missing, keys[case.id], group_of(case, name), own)
                else:
                    done += 1
                    progress(done / len(usable))

        with suppress(Cancelled):
            for lines in workers.each(_scoring, waiting(), cancel):
                for line in lines:
                    if (line["case"], line["method"]) not in finished:
                        journal.append(line)
                done += 1
                progress(done / len(usable))
                short = any(line.get("short") for line in lines)
                ended, scored = ended + 1 if short else 0, scored or not short
                if ended >= ENDED and not scored:
                    raise NotEnoughMemory(f"No case fits into memory: {lines[0]['problem']}")
        return standing(journal.header, _current(journal.records, keys, decisions), usable, len(cases))


def expected_here(
    model: VisionLanguageModel,
    cases: Sequence[Case],
    number: int = CASES,
    seed: int = 0,
    explainers: Sequence[str] | None = None,
) -> Forecast:
    """How long that takes, as the first of its cases would: that one is asked for it. Raises as `run_folder_league`,
    and QuestionError and UnreadableImage for that case."""
    usable = sampled(cases, number, seed)
    return forecast_of(model, usable[0], _methods(explainers), len(usable), 0)


def sampled(cases: Sequence[Case], number: int, seed: int) -> list[Case]:
    """So many of the cases that have a picture and a known answer, in an order that the seed decides. Raises
    NotApplicable where there is none."""
    usable = [case for case in cases if case.problem is None and case.images and any(case.expected)]
    if not usable:
        raise NotApplicable("No case has a picture and a known answer, so no map can be tested. Choose another folder.")
    return list(islice(random.Random(seed).sample(usable, len(usable)), number))


def wrong_answers(file: Path) -> Run:
    """The answers in a league's lines that are not right, for somebody to decide about. Raises JournalError."""
    header, records = read_journal(file, KIND)
    each_line(records, check_line, file)
    decisions = read_decisions(decisions_file(file))
    results: dict[str, Result] = {}
    for line in records:
        if line["method"] is None and "problem" not in line:
            said, key = str(line.get("said", "")), str(line.get("key", ""))[:16]
            results[line["case"]] = Result(
                id=line["case"],
                number=len(results),
                key=key,
                question=str(line.get("question", "")),
                expected=tuple(map(str, line.get("expected", ()))),
                said=said,
                understood="something" if line.get("understood") else "",
                right=False,
                decided=(key, said) in decisions,
            )
    return Run(str(header.get("set", "")), str(header.get("model", "")), {}, {}, tuple(results.values()))


@dataclass(frozen=True)
class _Task:
    """A case, the methods that are to explain it, and which of its answers somebody said are right."""

    case: Case
    methods: tuple[str, ...]
    key: str
    group: str
    decided: Mapping[str, bool]

    def __str__(self) -> str:
        return self.case.id


def _scoring(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[_Task], list[Record]]:
    def score(task: _Task) -> list[Record]:
        try:
            case = _opened(task)
            place = "unknown" if case.truth is None else "somewhere" if case.truth.any() else "nowhere"
            lines = score_case(model, case, task.methods, False, cancel, task.decided)
            told: Record = {"key": task.key, "place": place}
            if [line["method"] for line in lines] == [None]:  # somebody may have to decide about it
                told |= {"question": case.question, "expected": list(case.expected)}
            return [{**line, **told} for line in lines]
        except (ExplainError, QuestionError, UnreadableImage) as error:
            about = {"case": task.case.id, "family": task.group, "key": task.key, "said": "", "method": None}
            return [{**about, "problem": str(error), "short": isinstance(error, NotEnoughMemory)}]

    return score


def _opened(task: _Task) -> Case:
    """The case with its marked pixels. Raises UnreadableImage."""
    case = replace(task.case, about={**task.case.about, "family": task.group})
    if case.mask is None:
        return case
    (image, *_) = case.asked().images
    return replace(case, truth=case.mask.pixels(image.size))


def _methods(wanted: Sequence[str] | None) -> tuple[str, ...]:
    return chosen("explainer", [key for key, method in all_explainers().items() if not method.control], wanted)


def group_of(case: Case, name: str) -> str:
    """What a case's source groups it by; the set's name where it says nothing."""
    return next((case.about[group] for group in GROUPS if case.about.get(group)), name)


def case_key(case: Case) -> str:
    """What decides the figures of a case: with another one it is scored anew."""
    return case.fingerprint() + ("" if case.mask is None else case.mask.fingerprint())


def _current(records: Sequence[Record], keys: Mapping[str, str], decisions: Decisions) -> list[Record]:
    """The lines of the sample's cases as they are now; without those that wait for a decision made since."""

    def stands(line: Record) -> bool:
        key = keys.get(line["case"])
        if key is None or line.get("key") != key:
            return False
        right = decisions.get((key[:16], line.get("said", "")))
        return right is None or right == (line["method"] is not None) or "problem" in line

    return [line for line in records if stands(line)]
