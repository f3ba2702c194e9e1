"""The league's result as it is kept in the repository: how the methods stand, by which command and rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..assets import asset
from ..errors import JournalError
from ..statistics.estimate import Estimate
from .ranking import League, MethodRank

COMMITTED = asset("league.json")
"""The league of the embedded model that comes with Sightline."""


@dataclass(frozen=True)
class LeagueFile:
    """A league, the command that gives it, and the rule of its recommendation."""

    league: League
    command: str
    rule: str


def read_league_file(file: Path | None = None) -> LeagueFile:
    """The league that `League.record` wrote, by default the one kept here. Raises JournalError, with what to do, where
    there is none."""
    file = file or COMMITTED
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        command, rule = str(values.pop("command")), str(values.pop("rule"))
        league = League(**{**values, "ranking": tuple(map(_method_rank, values["ranking"]))})
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Run the league first.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise JournalError(f"{file.name} holds no league. Choose a file that `sightline league` wrote.") from error
    return LeagueFile(league, command, rule)


def _method_rank(values: Mapping[str, Any]) -> MethodRank:
    estimates = {
        name: {key: Estimate.of(one) for key, one in values[name].items()} for name in ("figures", "over_random")
    }
    families = {
        family: {key: _number(value) for key, value in figures.items()}
        for family, figures in values["by_family"].items()
    }
    return MethodRank(**{**values, **estimates, "by_family": families, "shuffled": Estimate.of(values["shuffled"])})


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
