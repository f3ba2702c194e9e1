"""What a server was started with: at which names it answers, whom it lets in, and which folders they may read. The
command `sightline` writes it into the server's environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..errors import WrongOption

VARIABLE = "SIGHTLINE_GATE"


@dataclass(frozen=True)
class Opening:
    """`persons` are those let in, by name, with the digests of their tokens; none where it is for this machine alone.
    `names` are further names of the server. `roots` are the folders below which those that are typed must lie; None
    for any."""

    persons: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    roots: tuple[Path, ...] | None = None

    @property
    def to_others(self) -> bool:
        """Whether others than who sits at this machine are let in, too."""
        return bool(self.persons)

    def to_environment(self) -> dict[str, str]:
        """The variable that says all this."""
        roots = None if self.roots is None else [str(root) for root in self.roots]
        return {VARIABLE: json.dumps({"persons": dict(self.persons), "names": list(self.names), "roots": roots})}


def opening_of(environment: Mapping[str, str]) -> Opening:
    """What the variable says; without it, a server for this machine alone. Raises WrongOption for one that cannot be
    read, as nobody is to be let in by mistake."""
    written = environment.get(VARIABLE, "")
    if not written:
        return Opening()
    try:
        told = json.loads(written)
        roots = told["roots"]
        return Opening(
            {str(name): str(kept) for name, kept in told["persons"].items()},
            tuple(str(name).lower() for name in told["names"]),
            None if roots is None else tuple(Path(root) for root in roots),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongOption(f"{VARIABLE} cannot be read. Leave it to the command sightline to write it.") from error


@cache
def the_opening() -> Opening:
    """That of this process."""
    return opening_of(os.environ)
