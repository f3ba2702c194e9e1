"""What the modules of a layer are given and make of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .quantised import is_linear


@dataclass(frozen=True, eq=False)
class ModuleCall:
    """What a module was given and what it made of that, at some rows."""

    module: torch.nn.Module
    given: Float[Tensor, "row width"]
    made: Float[Tensor, "row width_made"]


@contextlib.contextmanager
def recording_calls(layer: torch.nn.Module, rows: list[int], device: torch.device) -> Iterator[list[ModuleCall]]:
    """The calls of the layer's own modules, and of the linear ones inside them, in their order, with states on
    `device`. The hooks see every thread's calls: hold the model's lock."""
    calls: list[ModuleCall] = []

    def record(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given, made = (_rows_of(values, rows) for values in ((*args, *kwargs.values()), (output,)))
        if given is not None and made is not None:
            calls.append(ModuleCall(module, given.to(device), made.to(device)))

    own = {*layer.children(), *filter(is_linear, layer.modules())}
    with contextlib.ExitStack() as hooks:
        for module in own:
            hooks.callback(module.register_forward_hook(record, with_kwargs=True).remove)
        yield calls


def _rows_of(values: Sequence[Any], rows: list[int]) -> Tensor | None:
    """These rows of the first states among `values`; None where there are none, or not all of them (an expert of a
    mixture is given only some)."""
    for value in values:
        first = value[0] if isinstance(value, tuple) and value else value
        if isinstance(first, Tensor) and first.ndim > 1:
            states = first.detach().reshape(-1, first.shape[-1])
            return states[rows] if len(states) > max(rows) else None
    return None
