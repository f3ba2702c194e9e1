"""Summaries that commands write as JSON, and that come with Sightline: read whole, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import JournalError
from ..reading import read_json
from ..typed import typed

T = TypeVar("T")


@dataclass(frozen=True)
class _Told:
    command: str


def read_summary(
    file: Path, kind: type[T], what: str, first: str, choose: str, check: Callable[[T], None] = lambda found: None
) -> tuple[T, str]:
    """What a command's `--summary` wrote, and the command that gives it. `what` names it in sentences, `first` says
    what to do where there is none, `choose` where the file holds something else; `check` raises ValueError where its
    parts do not go together. Raises JournalError."""
    try:
        values = read_json(file)
        command = typed(_Told, values).command
        found = typed(kind, values)
        check(found)
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). {first}") from error
    except ValueError as error:
        raise JournalError(f"{file.name} holds no {what} ({str(error)[:160]}). {choose}") from error
    return found, command
