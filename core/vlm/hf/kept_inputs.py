"""A prompt's inputs, of which the large ones are shared, and may be dropped and made again.

Every answer keeps its inputs, and pixels take most of that: prompts about the same pictures have one copy of them
together, and where all that is kept takes too much (`core.vlm.kept_budget`) they are made again from the pictures when
they are next asked for, by whatever model of the same fingerprint is loaded then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from ..kept_budget import budget

WORTH_SHARING = 2**16
"""Bytes of an input from which on prompts about the same pictures have one copy of it together."""


class SharedInput:
    """One large input of all prompts that have it. In a GPU's memory it is not dropped: the budget is of the CPU's."""

    def __init__(self, value: Tensor) -> None:
        self.value: Tensor | None = None
        self.hold(value)

    @property
    def kept_bytes(self) -> int:
        value = self.value
        return 0 if value is None else value.nbytes

    def hold(self, value: Tensor) -> None:
        """Have it, or have it again."""
        self.value = value
        if value.device.type == "cpu":
            budget.keep(self)

    def drop(self) -> None:
        self.value = None


class SharedInputs:
    """The large inputs that some prompt still has, by the fingerprint of the pictures and their names."""

    def __init__(self) -> None:
        self._in_use: WeakValueDictionary[tuple[str, str], SharedInput] = WeakValueDictionary()

    def of(self, inputs: Mapping[str, Tensor], visual: str) -> dict[str, Tensor | SharedInput]:
        """The same inputs, those that are large shared with other prompts about the same pictures."""
        shared: dict[str, Tensor | SharedInput] = dict(inputs)
        for name, value in inputs.items():
            if value.nbytes < WORTH_SHARING:
                continue
            known = self._in_use.get((visual, name))
            there = None if known is None else known.value
            if known is not None and there is None:
                known.hold(value)
            if known is None or not (there is None or _same(there, value)):
                known = self._in_use[visual, name] = SharedInput(value)
            shared[name] = known
        return shared


class KeptInputs(Mapping[str, Tensor]):
    """A prompt's inputs by their names. `again` makes them all once more; what it raises, looking at a dropped one
    raises."""

    def __init__(self, own: Mapping[str, Tensor | SharedInput], again: Callable[[], Mapping[str, Tensor]]) -> None:
        self._own, self._again = dict(own), again

    def __getitem__(self, name: str) -> Tensor:
        one = self._own[name]
        if isinstance(one, Tensor):
            return one
        value = one.value
        if value is not None:
            budget.use(one)
            return value
        made = self._again()
        for other, shared in self._own.items():
            if isinstance(shared, SharedInput) and shared.value is None:
                shared.hold(made[other])
        return made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


def _same(known: Tensor, value: Tensor) -> bool:
    return known.dtype == value.dtype and torch.equal(known, value)
