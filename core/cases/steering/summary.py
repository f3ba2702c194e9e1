"""Steering that comes with Sightline, as `sightline steer --summary` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import asset
from ...errors import JournalError
from ..kept_summary import read_summary
from .figures import Steering


@dataclass(frozen=True)
class SteeringFile:
    """Pushes along a direction, and the command that gives them."""

    steering: Steering
    command: str


def read_steering(file: Path) -> SteeringFile:
    """What `sightline steer --summary` wrote. Raises JournalError, with what to do, where there is none."""
    first, choose = "Run `sightline steer` first.", "Choose a file that `sightline steer` wrote."
    found, command = read_summary(file, Steering, "steering", first, choose, _check)
    return SteeringFile(found, command)


def committed() -> list[Path]:
    """The files that come with Sightline."""
    return sorted(asset("").glob("steering-*.json"))


def committed_of(fingerprint: str) -> list[SteeringFile]:
    """Those of them that are of this model, by their files' names."""
    read = []
    for file in committed():
        try:
            one = read_steering(file)
        except JournalError:
            continue
        if one.steering.model == fingerprint:
            read.append(one)
    return read


def _check(found: Steering) -> None:
    """Raises ValueError where its parts do not go together."""
    if not found.doses or len(found.values) != 2:
        raise ValueError("no dose was measured, or the label has not two values")
