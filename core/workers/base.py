"""What a long run needs of whoever works for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ..vlm.cancel import CancelToken
from ..vlm.model import ModelCard, VisionLanguageModel

Item = TypeVar("Item")
Done = TypeVar("Done")
Begin = Callable[[VisionLanguageModel, CancelToken | None], Callable[[Item], Done]]
"""Takes a model, once, and gives what does one item with it. It and all items must be picklable."""


class Workers(ABC):
    """One model, or several equal ones, that take items as they get free."""

    card: ModelCard
    """Of each of the models."""

    @abstractmethod
    def each(
        self, begin: Begin[Item, Done], items: Iterable[Item], cancel: CancelToken | None = None
    ) -> Iterator[Done]:
        """What becomes of every item, in the order in which they are done. Items are drawn one at a time, when somebody
        is free for them, and named by their `str`. Raises Cancelled, WorkersUnavailable, and what the work raises."""


class Here(Workers):
    """A model in this process, one item after another."""

    def __init__(self, model: VisionLanguageModel) -> None:
        self.card = model.card
        self._model = model

    def each(
        self, begin: Begin[Item, Done], items: Iterable[Item], cancel: CancelToken | None = None
    ) -> Iterator[Done]:
        work = begin(self._model, cancel)
        for item in items:
            if cancel is not None:
                cancel.check()
            yield work(item)


def workers_of(who: VisionLanguageModel | Workers) -> Workers:
    """A model of this process as workers; workers as they are."""
    return who if isinstance(who, Workers) else Here(who)
