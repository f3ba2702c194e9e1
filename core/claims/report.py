"""What came of measuring claims, and the file that keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..assets import asset
from ..cases.plain import plain
from ..counted import counted
from ..errors import JournalError
from ..reading import read_json
from ..typed import typed
from ..vlm.forecast import Forecast
from ..vlm.pass_costs import NOTHING
from .claim import Claim, Conclusion, Example, HeadTable
from .figures import Figure, Measurement
from .verdict import LEAST, NOT_MEASURED, Verdict, told, weakest

COMMITTED = asset("claims.json")
"""The claims about the embedded model that come with Sightline."""


@dataclass(frozen=True, eq=False)
class Report:
    """One claim as it was measured. `definition` is all that it said of itself then. Of `wanted` scenes `asked` were
    measured, and of these `used` could be, as their answers were right.

    The verdict is undecided where nobody can tell: too few scenes, or a model that cannot be asked. `conditions` are
    those of the rule. `seconds` are those of the clock, `processor` those of the processor, whatever else the machine
    did. `examples` are answers of the first scenes, where they were measured just now: no file keeps them.
    """

    definition: Mapping[str, Any]
    verdict: Verdict
    conditions: Mapping[str, Verdict]
    because: str
    wanted: int
    asked: int
    used: int
    seconds: float
    processor: float
    figures: tuple[Figure, ...] = ()
    heads: Mapping[str, HeadTable] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    @property
    def key(self) -> str:
        return str(self.definition["key"])

    def expected(self, scenes: int) -> Forecast:
        """How long measuring so many scenes takes, as fast as these were measured."""
        return Forecast(NOTHING, scenes * self.seconds / self.asked if self.asked else None, scenes, "scene")

    @property
    def stopped(self) -> bool:
        """Whether more scenes were wanted."""
        return self.asked < self.wanted

    def of(self, claim: Claim[Any]) -> bool:
        """Whether it is about a claim as that is now: by the same rule, measured with the same settings."""
        now = plain(claim.definition())
        return all(plain(self.definition[name]) == now[name] for name in ("key", "rule", "settings"))

    def record(self) -> dict[str, Any]:
        """As plain values, without the examples."""
        values = {name: getattr(self, name) for name in _KEPT}
        return {**self.definition, **values, "figures": [figure.record() for figure in self.figures]}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Report:
        """From such values. Raises ValueError for others."""
        definition = {name: value for name, value in record.items() if name not in (*_KEPT, "figures")}
        return typed(cls, {**record, "definition": typed(_Definition, definition) and definition, "examples": []})


@dataclass(frozen=True)
class _Definition:
    """What a definition must have."""

    key: str
    name: str
    rule: str
    caveat: str
    settings: Mapping[str, Any]


_KEPT = ("verdict", "conditions", "because", "wanted", "asked", "used", "seconds", "processor", "heads")


@dataclass(frozen=True, eq=False)
class Results:
    """A run: of which model, by which command, begun when; it took `seconds` by the clock and `processor` seconds."""

    command: str
    model: str
    model_name: str
    begun: str
    seconds: float
    processor: float
    versions: Mapping[str, str]
    reports: tuple[Report, ...]

    def of(self, claim: Claim[Any]) -> Report | None:
        """The report of a claim as it is now; None where it was not measured yet."""
        return next((report for report in self.reports if report.of(claim)), None)

    def record(self) -> dict[str, Any]:
        """As plain values for a file."""
        names = ("command", "model", "model_name", "begun", "seconds", "processor", "versions")
        return {
            **{name: getattr(self, name) for name in names},
            "claims": [report.record() for report in self.reports],
        }


@dataclass(frozen=True)
class _Claims:
    claims: tuple[Mapping[str, Any], ...]


def verdict_of(report: Report | None) -> str:
    """In the words that every page and command uses."""
    return NOT_MEASURED if report is None else report.verdict


def reported(
    claim: Claim[Any],
    lines: Sequence[Mapping[str, Any]],
    wanted: int,
    problem: str | None = None,
    examples: tuple[Example, ...] = (),
) -> Report:
    """The report of a claim's lines in a journal; `problem` says why it could not be measured, or not to its end."""
    values: list[Measurement] = [line["values"] for line in lines if line["values"] is not None]
    conclusion = claim.conclude(values) if values else Conclusion({}, "", ())
    enough = len(values) >= LEAST
    if enough:
        because = conclusion.because + told(conclusion.conditions)
    elif values:
        because = f"{counted(len(values), 'scene')} cannot decide it; {LEAST} are the fewest. {conclusion.because}"
    else:
        because = "No answer was of use."
    if problem is not None:
        because = f"{problem} {because}" if values else problem
    return Report(
        definition=claim.definition(),
        verdict=weakest(conclusion.conditions.values()) if enough else "undecided",
        conditions=conclusion.conditions,
        because=because,
        wanted=wanted,
        asked=len(lines),
        used=len(values),
        seconds=sum(line["seconds"] for line in lines),
        processor=sum(line["processor"] for line in lines),
        figures=conclusion.figures,
        heads=conclusion.heads,
        examples=examples,
    )


def read_results(file: Path = COMMITTED) -> Results:
    """The run in a file. Raises JournalError where there is none."""
    try:
        values = read_json(file)
        reports = [Report.read(one) for one in typed(_Claims, values).claims]
        return replace(typed(Results, {**values, "reports": []}), reports=tuple(reports))
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Measure the claims.") from error
    except ValueError as error:
        raise JournalError(
            f"{file.name} holds no claims ({str(error)[:160]}). Choose a file that a run of them wrote."
        ) from error


def committed_results(model: str | None = None) -> Results | None:
    """What comes with Sightline, if it is about the model of that fingerprint (None: about whichever it is of); also
    None where it cannot be read, of which `committed_trouble` tells."""
    results = _committed()
    return results if isinstance(results, Results) and model in (None, results.model) else None


def committed_trouble() -> str | None:
    """Why what comes with Sightline cannot be told; None where it can."""
    results = _committed()
    return None if isinstance(results, Results) else results


def _committed() -> Results | str:
    try:
        changed = COMMITTED.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _committed_at(COMMITTED, changed)


@lru_cache(maxsize=1)
def _committed_at(file: Path, changed: int) -> Results | str:
    """The file as it was at that time, or what is wrong with it: pages ask for it at every click."""
    try:
        return read_results(file)
    except JournalError as error:
        return str(error)
