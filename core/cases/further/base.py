"""What a further column of the league is: one figure of each method, read from what another measurement has written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from ...statistics.estimate import Estimate


@dataclass(frozen=True)
class Column:
    """One figure of each method, by the method's key.

    `name` stands above it, with an arrow for what is `better`; `help` says in a sentence or two what it is. `digits`
    formats its numbers. `quoted`: the README's table has it, too; a page has all of them.
    """

    key: str
    name: str
    help: str
    better: Literal["higher", "lower"]
    figures: Mapping[str, Estimate]
    digits: str = ".2f"
    quoted: bool = False


@dataclass(frozen=True)
class Further:
    """The columns of one measurement. `models` are the fingerprints of the models that it is of: the columns stand in
    leagues of these. `told` says in sentences what was measured and on how much, `command` gives it."""

    name: str
    models: tuple[str, ...]
    columns: tuple[Column, ...]
    told: str
    command: str


class FurtherColumns(ABC):
    """A measurement with a figure for each method, whose summary comes with Sightline. `key` names it in code, `name`
    on screen; the class docstring says what it is."""

    key: ClassVar[str]
    name: ClassVar[str]

    @abstractmethod
    def read(self) -> Further:
        """What its summary says. Raises JournalError, with what to do, where there is none."""
