"""What layers hand each other beside their states: keys and values that later layers read (Gemma 4).

`transformers` passes one dictionary through such layers, into which some write. A recomputed layer gets a copy of it as
it stood before that layer, with leaves of the graph in it, so that a gradient with respect to them can be had.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, MutableMapping
from typing import Any

from torch import Tensor


def as_it_stands(inputs: dict[str, Any]) -> bool:
    """Replace such dictionaries among a layer's inputs by copies, which later layers do not write into. Returns whether
    there are any."""
    shared = [name for name, value in inputs.items() if isinstance(value, MutableMapping)]
    for name in shared:
        inputs[name] = copy.copy(inputs[name])
    return bool(shared)


class SharedStates:
    """A layer's `inputs`, with leaves in the place of what it borrows from others; `grad` says whether these require a
    gradient."""

    def __init__(self, inputs: Mapping[str, Any], grad: bool) -> None:
        self.inputs = dict(inputs)
        self.borrowed: dict[Hashable, Tensor] = {}
        self._shared = [name for name, value in inputs.items() if isinstance(value, MutableMapping)]
        for name in self._shared:
            own = copy.copy(inputs[name])
            for kind, states in inputs[name].items():
                own[kind] = tuple(state.detach().requires_grad_(grad) for state in states)
            self.inputs[name] = own
        self.borrowed = self._all()

    def lent(self) -> dict[Hashable, Tensor]:
        """What the layer has written since."""
        return {name: state for name, state in self._all().items() if self.borrowed.get(name) is not state}

    def _all(self) -> dict[Hashable, Tensor]:
        return {
            (name, kind, number): state
            for name in self._shared
            for kind, states in self.inputs[name].items()
            for number, state in enumerate(states)
        }
