"""What several renderers do alike."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Any

from ...vlm.targets import token_targets_of
from ..case import Case, token_targets_in
from ..code import CannotBeWritten, Writer

NATS = 1e-4
"""What differences of log-probabilities are rounded by, at most."""


def docs(*things: Any) -> tuple[str, ...]:
    """What classes, functions and modules say of themselves, papers included."""
    return tuple(inspect.getdoc(thing) or "" for thing in things)


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for people: None is all or automatic."""
    return {str(name): "all" if value is None else value for name, value in settings.items()}


def took(seconds: float | None) -> str:
    """How long it took, as a sentence."""
    return "" if seconds is None else f"Computed in {seconds:.2f} s."


def sentences(*some: str | None) -> str:
    """Sentences after each other, without those that say nothing."""
    return " ".join(one.strip() for one in some if one and one.strip())


def setting_arguments(write: Writer, settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as arguments by name. Raises CannotBeWritten for a name that is none."""
    for name in settings:
        if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
            raise CannotBeWritten("It was computed with a setting whose name is none.")
    return {name: write.literal(value) for name, value in settings.items()}


def target_line(case: Case, write: Writer) -> str:
    """The line that names the target. Raises CannotBeWritten where it is not kept."""
    return f"target = {write.literal(case.wanted_target)}"


def token_target_lines(case: Case, write: Writer) -> tuple[str, ...]:
    """Lines that name the target's single tokens, each with its rival; of a word that somebody typed, that word's.
    Raises CannotBeWritten where neither is kept."""
    asked = token_targets_in(case.about)
    if asked and case.target is None:
        return (f"token_targets = {write.literal(asked)}",)
    return (target_line(case, write), f"token_targets = {write.call(token_targets_of, 'answer', 'target')}")


def head_in(kept: object) -> tuple[int, int]:
    """A layer and a head. Raises CannotBeWritten for anything else."""
    if isinstance(kept, Sequence) and len(kept) == 2 and all(isinstance(one, int) for one in kept):
        return int(kept[0]), int(kept[1])
    raise CannotBeWritten("It is not kept with the result of which head it is.")
