"""What was found of a model's doubt, as a file: the figures, what they were measured on, and the calibrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..assets import asset
from ..cases.journal import Record
from ..cases.kept_summary import read_summary
from ..cases.plain import plain
from ..errors import JournalError
from ..vlm.model import ModelCard
from .calibration import Calibration, calibrations, check
from .figures import Group, groups
from .measuring import Line

STREET = "street"
"""The name of the set of drawn cases."""
COMMITTED = asset("doubt.json")
"""Of the embedded model."""


@dataclass(frozen=True)
class Doubt:
    """Signals of one model (its fingerprint and name) over `cases` cases of a set, of which `asked` could be asked.
    `measured_on` says in a sentence what they were. `uncalibrated` says why there are no calibrations."""

    model: str
    model_name: str
    measured_on: str
    cases: int
    asked: int
    groups: tuple[Group, ...]
    calibrations: tuple[Calibration, ...]
    uncalibrated: str = ""

    def tier(self, name: str) -> Calibration | None:
        """The calibration of a tier, where there is one."""
        return next((one for one in self.calibrations if one.tier == name), None)


def measured_on(name: str, cases: int) -> str:
    """What a set of cases is, in a sentence."""
    if name == STREET:
        return (
            f"Measured on {cases:,} held-out drawn streets: questions of every family, a truck's and a house's door "
            "asked either way, and the colour of things of which half are not in the picture. It holds for questions "
            "like these."
        )
    return f"Measured on {cases:,} cases in the format {name}. It holds for questions and pictures like these."


def doubt(card: ModelCard, measured_on: str, lines: Sequence[Line]) -> Doubt:
    """The figures and calibrations of a journal's lines."""
    asked = [line for line in lines if line.problem is None]
    found, why = calibrations(asked)
    return Doubt(card.fingerprint, card.name, measured_on, len(lines), len(asked), groups(asked), found, why)


def record_of(found: Doubt, command: str) -> Record:
    """What a file of it holds, in plain values."""
    record: Record = plain({"command": command, **asdict(found)})
    return record


def read_doubt(file: Path, fingerprint: str | None = None) -> tuple[Doubt, str]:
    """What `sightline doubt --summary` wrote, and the command that gives it. Raises JournalError, naming the file and
    what is wrong with it: also where it is of another model than `fingerprint` says."""
    found, command = read_summary(
        file,
        Doubt,
        "calibration of doubt",
        "Run `sightline doubt --summary` first.",
        "Choose a file that `sightline doubt --summary` wrote.",
        _check,
    )
    if fingerprint is not None and found.model != fingerprint:
        raise JournalError(
            f"{file.name} is of another model ({found.model_name}, {found.model[:8]}) than the one in use, "
            f"{fingerprint[:8]}, and one model's doubt says nothing of another's. Run `sightline doubt` for this one."
        )
    return found, command


def _check(found: Doubt) -> None:
    for calibration in found.calibrations:
        check(calibration)
