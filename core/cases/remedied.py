"""Do remedies help? Each case is asked as it is and then with every remedy, and what was right before and after is
counted.

One finished answer is one line of a journal: that of the case as it is (no remedy), and one for each remedy with its
settings. A run that was stopped goes on where it was, and further remedies may be added to it. What the lines say
together is `remedy_figures.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..answer import Answer, Decoding
from ..errors import QuestionError, UnreadableImage
from ..remedies.base import Remedied
from ..remedies.registry import remedies
from ..remedies.run import try_remedy, wanted_remedies
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast, each_of
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from .case import Case
from .folder_league import case_key, group_of, sampled
from .journal import Journal, Record, each_line
from .plain import plain
from .remedy_figures import Line, RemedyFigures, figures_of, read_line
from .scoring import is_right

KIND = "remedies"
CASES = 100
TOKENS = 64
ASKS = 60
"""About so many asks a case takes with every remedy, most of them in the search for the smallest region."""


def run_remedies(
    model: VisionLanguageModel,
    cases: Sequence[Case],
    out_file: Path,
    *,
    name: str,
    folder: str = "",
    number: int | None = CASES,
    seed: int = 0,
    chosen: Mapping[str, Any] | Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> RemedyFigures:
    """Try remedies (by key, with settings or None for their own; all by default) on `number` of a set's cases (None: on
    all, in their order), appending to `out_file`, and tell what was mended and broken. `name` is the set's, `folder`
    where it came from.

    Goes on with a file that the same model began on this set with this seed. Stopped by `cancel`, tells of what is
    finished. Raises JournalError (OtherRun), UnknownName for a remedy that there is not, and NotApplicable where no
    case has a picture and a known answer.
    """
    usable = list(cases) if number is None else sampled(cases, number, seed)
    wanted = {
        key: remedies()[key].Settings() if settings is None else settings
        for key, settings in wanted_remedies(chosen).items()
    }
    identity = {"model": model.card.fingerprint, "set": name, "seed": seed, "tokens": TOKENS}
    about = {"model_name": model.card.name, "folder": folder}
    with Journal(out_file, KIND, identity, about) as journal:
        lines = each_line(journal.records, read_line, out_file)
        keys = {case.id: case_key(case) for case in usable}
        finished = {(line.case, line.key, line.remedy, str(plain(line.settings))) for line in lines}
        with suppress(Cancelled):
            for done, case in enumerate(usable, 1):

                def missing(key: str | None, settings: Mapping[str, object], case: Case = case) -> bool:
                    return (case.id, keys[case.id], key, str(plain(settings))) not in finished

                left = {key: settings for key, settings in wanted.items() if missing(key, asdict(settings))}
                if left or missing(None, {}):
                    told = {"case": case.id, "family": group_of(case, name), "key": keys[case.id]}
                    for record in _tried(model, case, left, missing(None, {}), cancel or CancelToken()):
                        journal.append({**told, **record})
                        lines.append(read_line(journal.records[-1]))
                progress(done / len(usable))
        current = [line for line in lines if keys.get(line.case) == line.key and _wanted(line, wanted)]
        return figures_of(journal.header, current, [case.id for case in usable])


def expected(model: VisionLanguageModel, cases: int) -> Forecast:
    """How long so many cases with every remedy take here, as long as the last ones took."""
    return each_of(model, KIND, cases, ASKS, "case")


def _wanted(line: Line, wanted: Mapping[str, Any]) -> bool:
    """Whether a line is of the case itself, or of a remedy that is asked for with these settings."""
    if line.remedy is None:
        return True
    return line.remedy in wanted and plain(line.settings) == plain(asdict(wanted[line.remedy]))


def _tried(
    model: VisionLanguageModel, case: Case, left: Mapping[str, Any], itself: bool, cancel: CancelToken
) -> Iterator[Record]:
    """The lines of a case: its own where that is missing, and those of the remedies that are left. Raises Cancelled."""
    cancel.check()
    try:
        question = replace(case.asked(), decoding=Decoding(max_new_tokens=TOKENS))
        answer = ask(model, question, cancel=cancel)
    except (UnreadableImage, QuestionError) as error:
        if itself:
            yield _line(None, {}, problem=str(error))
        return
    cancel.check()
    if itself:
        yield _line(
            None,
            {},
            said=answer.text,
            right=is_right(case, answer.text),
            logprob=sum(token.logprob for token in answer.tokens),
            passes=1.0,
            seconds=answer.seconds,
        )
    for key, settings in left.items() if answer.tokens else ():
        yield _of_remedy(case, answer, try_remedy(model, answer, remedies()[key], settings, cancel=cancel))


def _of_remedy(case: Case, answer: Answer, tried: Remedied) -> Record:
    """A remedy's line. Where it could not be applied, the answer stays as it was, right or wrong."""
    applied = tried.answer is not None
    return _line(
        tried.remedy,
        tried.settings,
        said=tried.answer.text if tried.answer is not None else answer.text,
        right=is_right(case, tried.says if applied else answer.text),
        logprob=tried.logprob,
        passes=tried.passes,
        seconds=tried.seconds,
        note=tried.note,
        applied=applied,
    )


def _line(remedy: str | None, settings: Mapping[str, object], **values: Any) -> Record:
    record: Record = plain({"remedy": remedy, "settings": dict(settings), **values})
    return record
