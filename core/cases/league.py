"""The league: every explainer under every metric, on held-out street cases whose answers are known.

One finished (case, method) is one line of a journal, so a run that was stopped or killed goes on where it was. Families
take turns, and one worker has all methods explain a case: a league is fair however far it has come. What happens in one
case is `score_case.py`; how the methods stand, `ranking.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

from ..answer import Decoding, Target
from ..comparison.keyword import key_tokens
from ..errors import UnknownName
from ..evidence.evaluate import expected as maps_expected
from ..explainers.registry import explainers as all_explainers
from ..explainers.run import expected as method_expected
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING
from ..workers.base import Workers, workers_of
from .case import Case
from .journal import Journal, Record, each_line
from .measured import CENTRE
from .ranking import League, check_line, ranking
from .score_case import LONGEST_ANSWER, SETTINGS, STAGES, score_case
from .street import FAMILIES, street_cases

KIND = "league"
CASES = 200
SHUFFLED = 3
"""Cases of each family whose maps are made again under shuffled weights, which takes longest."""


def run_league(
    who: VisionLanguageModel | Workers,
    out_file: Path,
    cases_per_family: int = CASES,
    explainers: Sequence[str] | None = None,
    families: Sequence[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> League:
    """Have a model's, or workers', explainers (by key; all but the controls by default) scored on street cases,
    appending to `out_file`, and tell how they stand.

    Goes on with a file that the same model began, and fills in methods that it lacks. Stopped by `cancel`, tells how
    they stand so far. Raises JournalError (OtherRun for a file of another model or other settings), WorkersUnavailable,
    and UnknownName for an explainer or a family that there is not.
    """
    methods = chosen("explainer", [key for key, method in all_explainers().items() if not method.control], explainers)
    names = chosen("family", list(FAMILIES), families)
    workers = workers_of(who)
    identity = {"model": workers.card.fingerprint, "settings": {**asdict(SETTINGS), "pointing": CENTRE}}
    with Journal(out_file, KIND, identity, {"model_name": workers.card.name}) as journal:
        each_line(journal.records, check_line, out_file)
        finished = {(record["case"], record["method"]) for record in journal.records}
        done, total = count(1), cases_per_family * len(names)

        def waiting() -> Iterator[_Task]:
            turns: Counter[str] = Counter()
            for case in street_cases(cases_per_family, names):
                turns[case.about["family"]] += 1
                missing = tuple(key for key in methods if (case.id, key) not in finished)
                if missing and (case.id, None) not in finished:
                    yield _Task(case, missing, turns[case.about["family"]] <= SHUFFLED)
                else:
                    progress(next(done) / total)

        with suppress(Cancelled):
            for lines in workers.each(_scoring, waiting(), cancel):
                for line in lines:
                    if (line["case"], line["method"]) not in finished:
                        journal.append(line)
                progress(next(done) / total)
        return ranking(journal.header, journal.records)


def expected(
    model: VisionLanguageModel,
    cases_per_family: int = CASES,
    explainers: Sequence[str] | None = None,
    families: Sequence[str] | None = None,
) -> Forecast:
    """How long a whole league takes here, as the first of its cases would: that one is asked for it. Raises UnknownName
    as `run_league` does."""
    methods = chosen("explainer", [key for key, method in all_explainers().items() if not method.control], explainers)
    names = chosen("family", list(FAMILIES), families)
    case = next(iter(street_cases(1, names)))
    return forecast_of(
        model, case, methods, cases_per_family * len(names), min(SHUFFLED, cases_per_family) * len(names)
    )


def forecast_of(model: VisionLanguageModel, case: Case, methods: Sequence[str], cases: int, shuffled: int) -> Forecast:
    """How long so many cases like this one take, that many of them under shuffled weights as well."""
    answer = ask(model, replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST_ANSWER)))
    target = Target(key_tokens(answer) or (0,))
    each = maps_expected(model, answer, len(methods), SETTINGS)
    forced = Forecast(NOTHING, 0.0)
    for key in methods:
        told = method_expected(all_explainers()[key], model, answer, [target])
        each, forced = each + told, forced + told
    known = each.seconds is not None and forced.seconds is not None
    seconds = cases * (each.seconds or 0.0) + shuffled * STAGES * (forced.seconds or 0.0)
    return Forecast(NOTHING, seconds if known else None, cases, "case")


@dataclass(frozen=True)
class _Task:
    """A case, the methods that are to explain it, and whether under shuffled weights as well."""

    case: Case
    methods: tuple[str, ...]
    shuffle: bool

    def __str__(self) -> str:
        return self.case.id


def _scoring(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[_Task], list[Record]]:
    return lambda task: score_case(model, task.case, task.methods, task.shuffle, cancel)


def chosen(what: str, known: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Those of the known names that are wanted; None wants all. Raises UnknownName."""
    for name in wanted or ():
        if name not in known:
            raise UnknownName(f"There is no {what} {name!r}. Choose among {', '.join(known)}.")
    return tuple(name for name in known if wanted is None or name in wanted)
