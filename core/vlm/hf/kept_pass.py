"""The latest whole pass over an answer's sequence, kept so that another layer, head or word of the same answer costs no
pass of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ...answer import Answer
from ..memory import available_bytes
from .editing import together
from .recompute import LayerInputs

SHARE = 4
"""A pass is kept where its states take at most one part in so many of the memory that is free beside them."""


class KeptPass:
    """What went into every layer in one pass, with the very inputs that decide it. Not thread-safe."""

    def __init__(self) -> None:
        self._of: tuple[tuple[Tensor, ...], tuple[int, ...]] = ((), ())
        self._inputs: LayerInputs | None = None

    def get(self, answer: Answer, read: Callable[[], LayerInputs]) -> LayerInputs:
        """The pass over an answer's sequence, made by `read` where it is not kept. Under edits none is kept or used.

        The list of states is the caller's own, so that states can be freed; the states themselves are shared.
        """
        if together([()])[0]:
            return read()
        given = tuple(answer.inputs.values()), answer.token_ids[:-1]
        if self._inputs is None or not _same(self._of, given):
            # The former makes room first.
            self.forget()
            inputs = read()
            if not _worth_keeping(inputs):
                return inputs
            self._of, self._inputs = given, inputs
        return replace(self._inputs, states=list(self._inputs.states))

    def forget(self) -> None:
        self._of, self._inputs = ((), ()), None


def _same(kept: tuple[tuple[Tensor, ...], tuple[int, ...]], given: tuple[tuple[Tensor, ...], tuple[int, ...]]) -> bool:
    """Whether both are of the very same tensors and the same tokens."""
    inputs = len(kept[0]) == len(given[0]) and all(a is b for a, b in zip(kept[0], given[0], strict=True))
    return inputs and kept[1] == given[1]


def _worth_keeping(inputs: LayerInputs) -> bool:
    if inputs.final is None:
        return False
    states = [state for state in inputs.states if state is not None]
    return sum(state.nbytes for state in states) <= available_bytes(torch.device(inputs.final.device)) // SHARE
