"""What the Relevancy page shows, kept when it is left: the maps that are there, and those that wait for a click."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from ...answer import Answer, Explanation, Target
from ..jobs.page import PageView
from ..state.maps import MAPS as MAPS
from ..state.maps import TRACES as TRACES
from ..state.maps import Key as Key
from ..state.maps import Order as Order
from ..state.results import answer_key

SLOW = 6.0
"""Seconds: a method that took longer the last time waits to be told before it explains another target."""


@dataclass(eq=False)
class RelevancyView(PageView):
    """Which maps are due, and of which `layer` the relevancy that enters is looked at: None for the one where most
    does. `asked` are keys of maps that somebody clicked for, `seconds` is what a map of a method took the last time. Of
    a map that was stopped or refused, `jobs.stopped` says why it is not computed by itself."""

    kept: ClassVar = ("layer",)

    layer: int | None = None
    asked: set[Key] = field(default_factory=set)
    seconds: dict[Order, float] = field(default_factory=dict)

    def choose(self, layer: int) -> None:
        """Look at a layer; the same again looks at the one where most enters."""
        self.layer = None if layer == self.layer else layer

    def key(self, answer: Answer, target: Target, order: Order) -> Key:
        """What a map is of."""
        return Key(answer_key(answer), target, order)

    def map_of(self, answer: Answer, target: Target, order: Order) -> Explanation | None:
        """The map, if it is there."""
        return self.results.get(MAPS, self.key(answer, target, order))

    def orders(self, answer: Answer, target: Target) -> list[Order]:
        """The methods whose map of a target is there."""
        return [key.order for key, _ in self._maps(answer, target)]

    def latest(self, answer: Answer, target: Target, method: str) -> Explanation | None:
        """The whole map of a method that was looked at last, whatever its settings."""
        whole = [made for key, made in self._maps(answer, target) if key.order.method == method and made.complete == 1]
        return whole[-1] if whole else None

    def _maps(self, answer: Answer, target: Target) -> list[tuple[Key, Explanation]]:
        """The maps of a target, the one looked at last at the end."""
        about = (answer_key(answer), target)
        maps = self.results.of(MAPS).items()
        return [(key, made) for key, made in maps if isinstance(key, Key) and (key.answer, key.target) == about]

    def due(self, answer: Answer, target: Target, order: Order) -> bool:
        """Whether a map is to be computed now: it is not there, or not whole, and nothing speaks against it."""
        made = self.map_of(answer, target, order)
        return (made is None or made.complete < 1) and self.obstacle(answer, target, order) is None

    def keep(self, answer: Answer, order: Order, explanations: Iterable[Explanation]) -> None:
        """Keep maps of one run."""
        for explanation in explanations:
            key = self.key(answer, explanation.target, order)
            self.results.keep(MAPS, key, explanation)
            self.seconds[order] = explanation.seconds / explanation.together
            self.asked.discard(key)

    def ask(self, answer: Answer, target: Target, order: Order) -> None:
        """Somebody clicked for this: compute it, whatever was said against it."""
        key = self.key(answer, target, order)
        self.results.drop(MAPS, key)
        self.jobs.forget(key)
        self.asked.add(key)

    def obstacle(self, answer: Answer, target: Target, order: Order) -> str | None:
        """Why a map that is not there is not computed by itself; None when it is to be computed now."""
        key = self.key(answer, target, order)
        if key in self.jobs.stopped:
            return self.jobs.stopped[key]
        seconds = self.seconds.get(order, 0.0)
        if key not in self.asked and seconds > SLOW:
            return f"This method took {seconds:.0f} s the last time, so it is not computed unasked."
        return None
