"""Asking a model every case of a set, one line of a results file for each.

A run that was stopped or killed goes on where it was: a case is done when its line is there and its content is still
the same, so a repaired row or picture is asked anew and nothing else is. Whoever answers the cases, here or elsewhere,
only gives results, in whatever order: what is written and what is left to do is decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..answer import Answer, Decoding, Question
from ..errors import QuestionError, UnreadableImage
from ..evidence.dependence import image_dependence
from ..geometry import share_seen
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast, each_of
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.pace import CASE, stopwatch
from ..workers.base import Workers, workers_of
from .case import Case
from .journal import Journal, Record
from .results import KIND, Result, Run, run_of
from .scoring import is_right, understood


@dataclass(frozen=True)
class RunSettings:
    """Answers are greedy. `dependence`: also measure how far each answer rests on the picture, which takes two more
    passes over it."""

    max_new_tokens: int = 64
    dependence: bool = True


@dataclass(frozen=True)
class Numbered:
    """A case with its place in the set."""

    number: int
    case: Case

    def __str__(self) -> str:
        return self.case.id


def run_cases(
    who: VisionLanguageModel | Workers,
    cases: Sequence[Case],
    file: Path,
    *,
    name: str,
    folder: str = "",
    settings: RunSettings | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Run:
    """Have a model, or workers, asked those of `cases` that `file` has no result of yet, and return all its results.

    Answers that are in `file` already are judged again by today's rules, and where the verdict differs the case has a
    new line. `name` is the set's ("mmvp"), `folder` where it came from. Stopped by `cancel`, what is finished stays in
    the file and is returned. Raises OtherRun where the file was begun with another model, set or settings; JournalError
    where it cannot be used; WorkersUnavailable; ValueError where two cases have one id.
    """
    repeated = [id_ for id_, times in Counter(case.id for case in cases).items() if times > 1]
    if repeated:
        raise ValueError(f"two cases are called {repeated[0]!r}")
    workers, settings = workers_of(who), settings or RunSettings()
    card = workers.card
    identity = {"set": name, "model": card.fingerprint, "settings": asdict(settings)}
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"model_name": card.name, "model_source": card.source, "folder": folder, "begun": begun}
    with Journal(file, KIND, identity, about) as journal:
        finished = {(line.get("id"), line.get("key")) for line in journal.records}
        waiting = [
            Numbered(number, case) for number, case in enumerate(cases) if (case.id, case.fingerprint()) not in finished
        ]
        for record in _judged_again(journal.records, cases):
            journal.append(record)
        done = len(cases) - len(waiting)
        progress(done / len(cases) if cases else 1.0)
        with suppress(Cancelled):  # in the middle of a case, which is not finished
            for result in workers.each(partial(_answering, settings), waiting, cancel):
                journal.append(result.record())
                done += 1
                progress(done / len(cases))
        return run_of(journal.header, journal.records, file)


def _judged_again(records: Sequence[Record], cases: Sequence[Case]) -> list[Record]:
    """The latest lines of cases whose verdict is another now: rules understand more forms than they did."""
    latest = {record.get("id"): record for record in records}
    changed = []
    for case in cases:
        record = latest.get(case.id)
        if record is None or record.get("key") != case.fingerprint() or not isinstance(record.get("right"), bool):
            continue
        said = str(record.get("said", ""))
        meant, right = understood(case, said), is_right(case, said)
        if right != record["right"] or bool(meant) != bool(record.get("understood")):
            changed.append({**record, "understood": meant, "right": right})
    return changed


def _answering(
    settings: RunSettings, model: VisionLanguageModel, cancel: CancelToken | None
) -> Callable[[Numbered], Result]:
    return partial(answer_case, model, settings=settings, cancel=cancel)


def answer_case(
    model: VisionLanguageModel, one: Numbered, settings: RunSettings, cancel: CancelToken | None = None
) -> Result:
    """What the model says to a case, and whether it is right. A picture that cannot be opened and a question that
    does not fit make a result with a `problem`. Raises Cancelled."""
    case, began = one.case, stopwatch(model.card.device)
    if cancel is not None:
        cancel.check()
    if case.problem is not None:
        return _unanswered(one, case.problem)
    try:
        question = _question(case, settings)
        answer = ask(model, question, cancel=cancel, keep_attention=False)
    except (UnreadableImage, QuestionError) as error:
        return _unanswered(one, str(error))
    if answer.finish == "stopped":
        raise Cancelled("the case was stopped")
    result = Result(
        **_identified(one),
        said=answer.text,
        understood=understood(case, answer.text),
        right=is_right(case, answer.text) if case.expected else None,
        logprob=sum(token.logprob for token in answer.tokens),
        dependence=_dependence(model, answer, settings),
        seconds=round(answer.seconds, 4),
        seen=_seen(answer),
    )
    model.pace.note(CASE, 1, began.took())
    return result


def expected(model: VisionLanguageModel, cases: int) -> Forecast:
    """How long asking so many cases will take here; how far an answer rests on its picture takes half an ask."""
    return each_of(model, CASE, cases, 1.5, "case")


def _question(case: Case, settings: RunSettings) -> Question:
    return replace(case.asked(), decoding=Decoding(max_new_tokens=settings.max_new_tokens))


def _dependence(model: VisionLanguageModel, answer: Answer, settings: RunSettings) -> float | None:
    """The answer's log-probability less that with black pictures; None where there is no picture or no answer."""
    if not (settings.dependence and answer.question.images and answer.tokens):
        return None
    return float(image_dependence(model, answer).sum())


def _seen(answer: Answer) -> float | None:
    """The least share of any picture that the model sees; None without a picture, and where it is not known of one."""
    shares = [share_seen(answer.layout, number) for number in range(len(answer.question.images))]
    known = [share for share in shares if share is not None]
    return min(known) if known and len(known) == len(shares) else None


def _unanswered(one: Numbered, problem: str) -> Result:
    return Result(**_identified(one), problem=problem)


def _identified(one: Numbered) -> dict[str, Any]:
    case = one.case
    return {
        "id": case.id,
        "number": one.number,
        "key": case.fingerprint(),
        "question": case.question,
        "expected": case.expected,
        "images": tuple(image.name if isinstance(image, Path) else "drawn" for image in case.images),
        "about": dict(case.about),
    }
