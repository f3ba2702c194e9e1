"""On which device each part of a network lies.

Of several devices the first is home: it has everything but a share of the decoder's layers, and with it whatever comes
in and goes out. The layers stand in their order, so that states move from device to device once on their way up. Whose
inputs lie elsewhere is given them where it lies (by accelerate's hooks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .decoder import decoder_of


def device_map(network: Any, room: Mapping[str, int], home: str, number_bytes: float) -> dict[str, str]:
    """Module -> device. `network` may be one without memory (on the meta device); `room` are the free bytes of each
    device, in whose order layers are given out; `number_bytes` is the size of a number of the weights once loaded.

    Each device is filled in proportion to its room, so that as much of every one is left for what is computed.
    """
    layers = decoder_of(network).layers
    names = {id(module): name for name, module in network.named_modules()}
    path = names[id(layers)]
    placement = dict.fromkeys(_beside(network, path), home)
    sizes = [sum(parameter.numel() for parameter in layer.parameters()) * number_bytes for layer in layers]
    whole = sum(parameter.numel() for parameter in network.parameters()) * number_bytes
    share = _shares(room, home, whole, whole - sum(sizes))
    devices, at, used = list(room), 0, 0.0
    for index, size in enumerate(sizes):
        while at < len(devices) - 1 and used + size / 2 > share[devices[at]]:
            at, used = at + 1, 0.0
        placement[f"{path}.{index}"] = devices[at]
        used += size
    return placement


def attach(network: Any, placement: Mapping[str, str], home: str) -> None:
    """Have every part of a network that was read onto these devices be given its inputs there, and what comes in and
    goes out be at home: left to itself, accelerate takes any of the devices for that."""
    from accelerate import dispatch_model
    from accelerate.hooks import remove_hook_from_submodules

    remove_hook_from_submodules(network)
    dispatch_model(network, dict(placement), main_device=home, skip_keys=network._skip_keys_device_placement)


def _shares(room: Mapping[str, int], home: str, whole: float, beside: float) -> dict[str, float]:
    """How many bytes of layers each device is to take, where home has what stands `beside` them as well."""
    total = sum(room.values())
    return {
        device: max(0.0, whole * free / total - (beside if device == home else 0.0)) for device, free in room.items()
    }


def _beside(network: Any, path: str) -> Sequence[str]:
    """The names of the largest modules of a network that hold nothing of the one at `path`, and of the parameters and
    buffers that stand in none of them."""
    names: list[str] = []
    above: torch.nn.Module = network
    before = ""
    for step in path.split("."):
        names += [before + name for name, _ in above.named_children() if name != step]
        names += [before + name for name, _ in above.named_parameters(recurse=False)]
        names += [before + name for name, _ in above.named_buffers(recurse=False)]
        above, before = getattr(above, step), f"{before}{step}."
    return names
