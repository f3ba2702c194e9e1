"""A pinned answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...answer import Answer, Target
from ...runs.identity import answer_id
from ...runs.manifest import KeptModel
from .results import Behind

if TYPE_CHECKING:
    from .workspace import NamedImage


@dataclass(frozen=True, eq=False)
class Pin:
    """A pinned answer. `label` says in a few words what is special about it, `model` what its model is called, `target`
    is the part of it that was explained when it was pinned, and `chosen` the part that was chosen beside the others.
    `images` are what was asked about. `behind` are the results of the run in which it was pinned, called `run`; `kept`
    is the model's card and how it can be loaded, where that was known then."""

    label: str
    answer: Answer
    model: str
    images: tuple[NamedImage, ...] = ()
    target: Target | None = None
    chosen: Target | None = None
    behind: Behind | None = None
    run: str = ""
    kept: KeptModel | None = None

    @property
    def id(self) -> str:
        """What it is, by content."""
        return answer_id(self.answer)
