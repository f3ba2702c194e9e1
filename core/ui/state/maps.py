"""Maps as a tab keeps them: what each is of, whichever page asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from ...answer import Explanation, Target
from ...cases.kept_leagues import kept_leagues
from ...cases.known_cause.summary import passed_by_word
from ...cases.league_file import read_league_file
from ...errors import JournalError, RunError, SightlineError
from ...explainers.registry import explainers
from ...runs.kinds import EXPLANATION, RELEVANCY_TRACE
from .person import home
from .results import AnswerKey, Kept, Kind

WITHOUT_LEAGUE = ("one_step_gradient", "relevancy")
"""What is offered first where no league recommends anything, and where an answer lacks what the recommended needs."""


@dataclass(frozen=True)
class Recommended:
    """A method, and on what league of one's own it stands; "" for the league that comes along."""

    method: str
    told: str = ""


@cache
def coming_along() -> tuple[str, ...]:
    """The methods that the league kept in the repository may recommend, best first, and then `WITHOUT_LEAGUE`; before
    all others those that pass the known cause by the word alone, for a page opens with maps of that."""
    try:
        quick = read_league_file().league.quick
    except JournalError:
        quick = ()
    known = [key for key in dict.fromkeys((*quick, *WITHOUT_LEAGUE)) if key in explainers()]
    return tuple(sorted(known, key=lambda key: not passed_by_word(key)))


def recommended_for(fingerprint: str | None, able: Callable[[str], bool] = lambda key: True) -> Recommended:
    """The method of a first visit with a model: what the latest league that was run with it on a folder recommends,
    else the first of those `coming_along`; in any case one that is `able`."""
    try:
        kept = [] if fingerprint is None else kept_leagues(home(), fingerprint)
    except RunError:
        kept = []
    for one in kept:
        method = one.of.league.recommended
        if method is not None and method in explainers() and able(method):
            told = f"{explainers()[method].name} is recommended for this model, by a league on {one.of.told}"
            return Recommended(method, told)
    return Recommended(next(filter(able, coming_along()), coming_along()[-1]))


def first_method(fingerprint: str | None = None) -> str:
    """The key of the method of a first visit with a model."""
    return recommended_for(fingerprint).method


@dataclass(frozen=True)
class Order:
    """One method with its settings."""

    method: str
    settings: Any


@dataclass(frozen=True)
class Key:
    """What an explanation is of: answer, target, method and settings, by content."""

    answer: AnswerKey
    target: Target
    order: Order


def _about(key: Key) -> Mapping[str, object]:
    return {"target": key.target, "method": key.order.method, "settings": key.order.settings}


def _key(answer: AnswerKey, about: Mapping[str, Any]) -> Key | None:
    """The key again of a map that is kept; None where its method is not there any more, or has other settings."""
    try:
        settings = explainers()[about["method"]].Settings(**about["settings"])
        return Key(answer, Target(**about["target"]), Order(about["method"], settings))
    except (KeyError, TypeError, ValueError, SightlineError):
        return None


MAPS = Kind[Explanation](2000, run=Kept(EXPLANATION, about=_about, key=_key))
"""A map of 2000 positions takes 8 kB."""
TRACES = Kind[Float[np.ndarray, "layer position"]](50, run=Kept(RELEVANCY_TRACE))
