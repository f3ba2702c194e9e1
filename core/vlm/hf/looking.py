"""What a pass over a few words shows of a network: which attention can be seen, and whether its layers can be gone
through one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .capture import NAME, observing
from .passes import Passes
from .recompute import recording_layers


@dataclass(frozen=True)
class Look:
    """`attention` are the numbers of the layers whose attention is one call of the registered function: in others
    nothing can be read or taken away. `all_run` says whether every layer took part without a picture, `streams` whether
    several states of a position go between the layers beside each other."""

    attention: frozenset[int]
    all_run: bool
    streams: bool


def look(passes: Passes, tokens: Sequence[int]) -> Look:
    """Run these tokens through the network."""
    calls: Counter[int] = Counter()
    device, layers = passes.network.device, passes.layers
    ids = torch.tensor([tokens], device=device)
    with (
        passes.lock,
        torch.no_grad(),
        observing(NAME, lambda call: calls.update([call.layer]), device),
        recording_layers(layers, device) as inputs,
    ):
        passes.network(input_ids=ids, use_cache=False)
    shapes = inputs.shapes
    return Look(
        attention=frozenset(layer for layer, times in calls.items() if times == 1),
        all_run=len(shapes) == len(layers),
        streams=any(len(shape) > 3 for shape in shapes),
    )
