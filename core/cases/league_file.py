"""The league's result as it is kept in the repository: how the methods stand, by which command and rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..assets import asset
from ..errors import JournalError
from ..evidence.registry import map_metrics
from ..reading import read_json
from ..typed import typed
from .ranking import RULE, League, judged

COMMITTED = asset("league.json")
"""The league of the embedded model that comes with Sightline."""


@dataclass(frozen=True)
class LeagueFile:
    """A league, the command that gives it, and the rule of its recommendation now."""

    league: League
    command: str
    rule: str


def read_league_file(file: Path | None = None) -> LeagueFile:
    """The league that `League.record` wrote, by default the one kept here; whom it recommends is judged anew, by the
    rule and the known cause of this version. Raises JournalError, with what to do, where
    there is none."""
    file = file or COMMITTED
    try:
        values = read_json(file)
        told = typed(_Told, values)
        league = typed(League, values)
        _check(league)
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Run the league first.") from error
    except ValueError as error:
        raise JournalError(
            f"{file.name} holds no league ({str(error)[:160]}). Choose a file that `sightline league` wrote."
        ) from error
    return LeagueFile(judged(league), told.command, RULE)


@dataclass(frozen=True)
class _Told:
    command: str


def _check(league: League) -> None:
    """Raises ValueError where its parts do not go together."""
    known = [row.method for row in league.ranking]
    if league.recommended is not None and league.recommended not in known:
        raise ValueError(f"it recommends {league.recommended[:40]!r}, which is none of its methods")
    if unasked := set(league.asked) - set(league.right):
        raise ValueError(f"right.{sorted(unasked)[0][:40]} is missing")
    for row in league.ranking:
        for metric in map_metrics():
            if metric not in row.figures:
                raise ValueError(f"the method {row.method[:40]!r} has no figure {metric!r}")
