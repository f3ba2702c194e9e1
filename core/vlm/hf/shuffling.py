"""Weights shuffled block by block from the output down: what is left of a map when the model knows nothing any more?

A cascading randomisation (Adebayo et al. 2018, "Sanity checks for saliency maps"). The entries of each tensor are
shuffled rather than drawn anew, so that every tensor keeps its size and scale. All of it is done to a copy: the model
itself is never touched, so nothing has to be put back, and others may go on asking it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

_LAYER = re.compile(r"(?:.*\.)?(?:layers?|blocks?|h)\.\d+(?=\.)")


def shuffling(network: torch.nn.Module, seed: int) -> Iterator[tuple[float, str]]:
    """Shuffle one more block of the network at each step. Gives the share of blocks that are shuffled, and the name of
    the latest."""
    generator = torch.Generator().manual_seed(seed)
    blocks = list(_blocks(network))
    for done, (name, tensors) in enumerate(blocks, start=1):
        _shuffle(tensors, generator)
        yield done / len(blocks), name


def _blocks(network: torch.nn.Module) -> Iterator[tuple[str, list[Tensor]]]:
    """The network's parameters from the output down to the patch embedding: each layer is a block, and so is what
    stands between two stacks of layers. A tensor used twice (tied embeddings) belongs to the first place it is
    registered at.

    Modules are registered in the order in which they are run, so that order backwards is the way down.
    """
    named = list(network.named_parameters())[::-1]
    for block, members in groupby(named, key=lambda item: _block(item[0])):
        parameters = list(members)
        title = block or " and ".join(dict.fromkeys(_owner(name) for name, _ in parameters))
        yield title, [parameter.data for _, parameter in parameters]


def _block(name: str) -> str | None:
    """The layer a parameter belongs to, such as "language_model.layers.5"; None for what stands between layers."""
    match = _LAYER.match(name)
    return match.group().removeprefix("model.") if match else None


def _owner(name: str) -> str:
    """The module of a parameter between layers, in a word: "lm_head", "multi_modal_projector"."""
    parts: list[Any] = [part for part in name.split(".")[:-1] if part not in ("model", "vision_model")]
    return str(parts[1] if parts[0] in ("language_model", "vision_tower", "visual") and len(parts) > 1 else parts[0])


def _shuffle(tensors: Sequence[Tensor], generator: torch.Generator) -> None:
    """Put the entries of each tensor in a random order, in place."""
    for tensor in tensors:
        order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
        tensor.copy_(tensor.flatten()[order].view_as(tensor))
