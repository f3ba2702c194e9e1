"""What a renderer is: it makes figures of a kind of results, and says by which code the result is made again.

A new kind of results is one line in `core/runs/kinds.py` and one file here. A renderer sees the result as it is kept,
and no model: what it needs beside the numbers is in the answer, or among what decides the result (`Case.about`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from .case import Case
from .code import Code, Writer
from .figure import Figure


class Renderer(ABC):
    """`key` is the name of the kind of results (`core.runs.kinds`), `name` what one is called on paper."""

    key: ClassVar[str]
    name: ClassVar[str]

    @abstractmethod
    def figures(self, case: Case) -> Sequence[Figure]:
        """The figures of a result, the most telling first; none where it says that there is nothing to show."""

    @abstractmethod
    def code(self, case: Case, write: Writer) -> Code:
        """The lines that compute the result again from `model` and `answer`. Raises CannotBeWritten, with a sentence,
        where there are none."""
