"""Explanations that were computed in this tab, kept by what they are of, so that none is computed twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float

from ...answer import Answer, Explanation, Target
from ..jobs.deferred import Deferred
from ..jobs.result_cache import AnswerKey, answer_key

MOST_KEPT = 2000
"""Maps kept for each tab; one of 2000 positions takes 8 kB."""
SLOW = 6.0
"""Seconds: a method that took longer the last time waits to be told before it explains another target."""

Trace = Float[np.ndarray, "layer position"]
MOST_TRACES = 50


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


_images: WeakKeyDictionary[Answer, str] = WeakKeyDictionary()


def same_image(one: Answer, other: Answer) -> bool:
    """Whether two answers are about the same pictures, whatever was hidden of them."""
    for answer in (one, other):
        if answer not in _images:
            _images[answer] = answer.question.with_masks().visual_fingerprint()
    return _images[one] == _images[other]


@dataclass(eq=False)
class Results:
    """What was computed, what was refused, and what waits for a click.

    `waiting` says of a key why it is not computed by itself: it was stopped, or refused. `asked` are keys that somebody
    clicked for. `seconds` is what a map of a method took the last time. `stopped` says of other work that was stopped
    or failed what happened.
    """

    maps: OrderedDict[Key, Explanation] = field(default_factory=OrderedDict)
    traces: OrderedDict[tuple[AnswerKey, Target], Trace] = field(default_factory=OrderedDict)
    waiting: dict[Key, str] = field(default_factory=dict)
    asked: set[Key] = field(default_factory=set)
    seconds: dict[Order, float] = field(default_factory=dict)
    stopped: dict[Hashable, str] = field(default_factory=dict)
    deferred: Deferred = field(default_factory=Deferred)

    def get(self, answer: Answer, target: Target, order: Order) -> Explanation | None:
        """The map, if it is there."""
        return self.maps.get(Key(answer_key(answer), target, order))

    def orders(self, answer: Answer, target: Target) -> list[Order]:
        """The methods whose map of a target is there."""
        wanted = answer_key(answer)
        return [key.order for key in self.maps if (key.answer, key.target) == (wanted, target)]

    def latest(self, answer: Answer, target: Target, method: str) -> Explanation | None:
        """The whole map of a method that was computed last, whatever its settings."""
        wanted = answer_key(answer)
        for key, explanation in reversed(self.maps.items()):
            if (key.answer, key.target, key.order.method) == (wanted, target, method) and explanation.complete == 1:
                return explanation
        return None

    def due(self, answer: Answer, target: Target, order: Order) -> bool:
        """Whether a map is to be computed now: it is not there, or not whole, and nothing speaks against it."""
        found = self.get(answer, target, order)
        return (found is None or found.complete < 1) and self.obstacle(answer, target, order) is None

    def keep(self, answer: Answer, order: Order, explanations: Iterable[Explanation]) -> None:
        """Keep maps of one run; the oldest go when there are too many."""
        for explanation in explanations:
            key = Key(answer_key(answer), explanation.target, order)
            self.maps[key] = explanation
            self.maps.move_to_end(key)
            self.seconds[order] = explanation.seconds / explanation.together
            self.asked.discard(key)
        while len(self.maps) > MOST_KEPT:
            self.maps.popitem(last=False)

    def wait(self, answer: Answer, target: Target, order: Order, why: str) -> None:
        """Do not compute this by itself any more; `why` is a sentence for the screen."""
        key = Key(answer_key(answer), target, order)
        self.waiting[key] = why
        self.asked.discard(key)

    def ask(self, answer: Answer, target: Target, order: Order) -> None:
        """Somebody clicked for this: compute it, whatever was said against it."""
        key = Key(answer_key(answer), target, order)
        self.maps.pop(key, None)
        self.waiting.pop(key, None)
        self.asked.add(key)

    def obstacle(self, answer: Answer, target: Target, order: Order) -> str | None:
        """Why a map that is not there is not computed by itself; None when it is to be computed now."""
        key = Key(answer_key(answer), target, order)
        if key in self.asked:
            return None
        if key in self.waiting:
            return self.waiting[key]
        seconds = self.seconds.get(order, 0.0)
        if seconds > SLOW:
            return f"This method took {seconds:.0f} s the last time, so it waits to be told."
        return None

    def trace(self, answer: Answer, target: Target) -> Trace | None:
        """Relevancy by layer, if it is there."""
        return self.traces.get((answer_key(answer), target))

    def keep_trace(self, answer: Answer, target: Target, trace: Trace) -> None:
        """Keep relevancy by layer; the oldest goes when there are too many."""
        self.traces[answer_key(answer), target] = trace
        while len(self.traces) > MOST_TRACES:
            self.traces.popitem(last=False)
