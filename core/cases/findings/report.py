"""What came of a run of findings, and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...assets import asset
from ...errors import JournalError
from ...statistics.estimate import Estimate
from .finding import Conclusion, Finding, Quantity, Reading

COMMITTED = asset("findings.json")
"""The findings about the embedded model that come with Sightline."""
FEWEST = 10
"""Readings below which there is no verdict."""


@dataclass(frozen=True)
class Report:
    """One finding with what was found. `asked` scenes were read and `used` of them could be, as the answers were right.

    `reproduces` is None where nobody can tell: too few readings, or a model that cannot be asked. `seconds` are those
    of the clock, `processor` those of the processor, whatever else the machine did.
    """

    key: str
    title: str
    claim: str
    paper: str
    measured: str
    baseline: str
    rule: str
    caveat: str
    settings: Mapping[str, Any]
    reproduces: bool | None
    because: str
    asked: int
    used: int
    seconds: float
    processor: float
    figures: tuple[Quantity, ...] = ()
    heads: Mapping[str, list[list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """A run: of which model, by which command, begun when; `scenes` were wanted of every finding, and took `seconds` by
    the clock and `processor` seconds."""

    command: str
    model: str
    model_name: str
    begun: str
    scenes: int
    seconds: float
    processor: float
    versions: Mapping[str, str]
    findings: tuple[Report, ...]


def reported(finding: Finding[Any], lines: Sequence[Mapping[str, Any]], problem: str | None) -> Report:
    """The report of a finding's lines in a journal; `problem` says why it could not be asked."""
    readings: list[Reading] = [line["reading"] for line in lines if line["reading"] is not None]
    found: Conclusion | None = finding.conclude(readings) if readings else None
    reproduces = found.reproduces if found and len(readings) >= FEWEST else None
    because = problem or (found.because if found else "No answer was of use.")
    if found and reproduces is None:
        because = f"With {len(readings)} readings nobody can tell, {FEWEST} are the fewest. {because}"
    return Report(
        **{name: getattr(finding, name) for name in ("key", "title", "claim", "paper", "measured", "baseline")},
        rule=finding.rule,
        caveat=finding.caveat,
        settings=finding.settings,
        reproduces=reproduces,
        because=because,
        asked=len(lines),
        used=len(readings),
        seconds=sum(line["seconds"] for line in lines),
        processor=sum(line["processor"] for line in lines),
        figures=found.figures if found else (),
        heads=found.heads if found else {},
    )


def read_findings(file: Path = COMMITTED) -> Findings:
    """The run in a file. Raises JournalError where there is none."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        reports = [Report(**{**report, "figures": _quantities(report["figures"])}) for report in values["findings"]]
        return Findings(**{**values, "findings": tuple(reports)})
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Run the findings.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise JournalError(f"{file.name} holds no findings. Choose a file that a run of them wrote.") from error


def _quantities(values: Sequence[Mapping[str, Any]]) -> tuple[Quantity, ...]:
    return tuple(Quantity(**{**value, "estimate": Estimate.of(value["estimate"])}) for value in values)
