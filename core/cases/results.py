"""What a model said to a case, as one line of a results file; and a whole file of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..counted import counted
from ..geometry import LEAST_TOLD, percent
from .decisions import Decisions, decisions_file, read_decisions
from .journal import Record, each_line, read_journal
from .tables import listed

KIND = "cases"


@dataclass(frozen=True)
class Result:
    """One case and what came of it.

    `number` is the case's place in its set, `key` its content (`Case.fingerprint`). `understood` is what the answer
    says (see `scoring.py`; "" nothing). `right` is None where the case could not be asked (`problem` says why) or
    nobody knows the answer. `logprob` is the answer's log-probability in nats, `dependence` that less what it has
    when every picture is black (None without a picture), `seen` the least share of any of its pictures that the model
    sees (None where that is not known), `seconds` what the answer took. `decided`: somebody said whether it is right
    (`decisions.py`), which no line of the file says.
    """

    id: str
    number: int
    key: str
    question: str
    expected: tuple[str, ...]
    images: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    understood: str = ""
    right: bool | None = None
    logprob: float | None = None
    dependence: float | None = None
    seconds: float = 0.0
    problem: str | None = None
    seen: float | None = None
    decided: bool = False

    @property
    def answered(self) -> bool:
        return self.problem is None

    def record(self) -> Record:
        """As plain values for a JSON line."""
        return {name: value for name, value in asdict(self).items() if name != "decided"}

    @classmethod
    def of(cls, record: Record) -> Result:
        """The result of a line. Raises ValueError where it is none."""
        values = {f.name: record[f.name] for f in fields(cls) if f.name in record and f.name in _FITS}
        odd = [name for name, value in values.items() if not _FITS[name](value)]
        if odd:
            raise ValueError(f"{listed(odd)} is of another type than a run writes")
        values |= {name: tuple(values[name]) for name in ("expected", "images") if name in values}
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError("it lacks a field") from error


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


_FITS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("id", "key", "question", "said", "understood"), _is_text),
    **dict.fromkeys(("expected", "images"), _are_texts),
    **dict.fromkeys(("logprob", "dependence", "seen"), lambda value: value is None or _is_number(value)),
    "number": lambda value: _is_number(value) and isinstance(value, int),
    "seconds": _is_number,
    "right": lambda value: value is None or isinstance(value, bool),
    "problem": lambda value: value is None or _is_text(value),
    "about": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
}
"""What a line may hold in each field: somebody may have edited it, or another program written it."""


@dataclass(frozen=True)
class Run:
    """A results file: of which set, by which model, with which settings; the latest result of each case, in the order
    of the set. `cases` is how many the set has."""

    set_of_cases: str
    model: str
    settings: Mapping[str, Any]
    about: Mapping[str, Any]
    results: tuple[Result, ...]

    @property
    def model_name(self) -> str:
        return str(self.about.get("model_name", self.model))


def read_run(file: Path) -> Run:
    """The run in a results file, also one that is still growing or was killed, with what was decided about it. Raises
    JournalError."""
    return run_of(*read_journal(file, KIND), file)


def run_of(header: Record, records: list[Record], file: Path) -> Run:
    """The run of a journal's header and lines, with what was decided beside them. Raises JournalError."""
    decisions = read_decisions(decisions_file(file))
    latest = {result.id: _decided(result, decisions) for result in each_line(records, Result.of, file)}
    return Run(
        set_of_cases=str(header.get("set", "")),
        model=str(header.get("model", "")),
        settings=header.get("settings", {}),
        about=header.get("about", {}),
        results=tuple(sorted(latest.values(), key=lambda result: result.number)),
    )


def _decided(result: Result, decisions: Decisions) -> Result:
    """The result as somebody decided it; as it is where nobody did."""
    right = decisions.get((result.key, result.said))
    if right is None or result.right is None:
        return result
    meant = next(filter(None, result.expected), "") if right and not result.understood else result.understood
    return replace(result, right=right, understood=meant, decided=True)


def not_understood(run: Run) -> list[Result]:
    """The judged answers that were not understood and that nobody decided about."""
    return [one for one in run.results if one.right is not None and not one.understood and not one.decided]


def unread(run: Run) -> int:
    """How many judged answers were not understood, and count as wrong."""
    return len(not_understood(run))


def cropped(run: Run) -> list[Result]:
    """The answers to cases of which the model never sees a part of a picture."""
    return [result for result in run.results if result.seen is not None and 1 - result.seen >= LEAST_TOLD]


def crop_sentence(run: Run) -> str | None:
    """What must be said of them beside the rates; None where there are none."""
    cut = cropped(run)
    if not cut:
        return None
    share = sum(1 - result.seen for result in cut if result.seen is not None) / len(cut)
    return (
        f"In {len(cut):,} of {counted(len(run.results), 'case')} the model does not see a picture whole: "
        f"{percent(share)} of it on average is never seen."
    )


def failures(run: Run) -> list[Result]:
    """The answers that are wrong, those that depend least on their picture first, unknown ones last."""
    wrong = [result for result in run.results if result.right is False]
    return sorted(wrong, key=lambda result: math.inf if result.dependence is None else result.dependence)
