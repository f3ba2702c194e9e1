"""The graph of a decoder: which parts write to the residual stream, and which read what was written before.

Everything that a layer reads is a sum: the embeddings, and what heads and MLPs below have added (Elhage et al. 2021, "A
Mathematical Framework for Transformer Circuits"). So between each part that writes and each later part that reads
stands an edge, and what passes over it can be replaced without touching any other. Queries, keys and values of a head
are read together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool

from ..mechanisms.groups import Group

Kind = Literal["source", "head", "mlp", "logits"]
SOURCES = {
    "image": "picture",
    "question": "question",
    "prompt": "rest of the prompt",
    "last": "prediction",
    "answer": "earlier answer",
}
"""Groups of tokens, by what their embeddings are called."""
LOGITS = "logits"


@dataclass(frozen=True)
class Node:
    """A part of the network. `number` is the head's, or the group's among the sources; -1 where there is but one.
    Sources stand below layer 0 (at -1), the logits above the last layer."""

    kind: Kind
    layer: int
    number: int
    name: str


@dataclass(frozen=True)
class Graph:
    """The parts of a decoder of so many layers and heads, whose embeddings are told apart by `groups` of positions.

    Senders are numbered from below: the groups, and layer by layer its heads and then its MLP. Receivers likewise from
    layer 0 on, and the logits last.
    """

    layers: int
    heads: int
    groups: tuple[Group, ...]

    @property
    def senders(self) -> int:
        return len(self.groups) + self.layers * (self.heads + 1)

    @property
    def receivers(self) -> int:
        return self.layers * (self.heads + 1) + 1

    def sender_head(self, layer: int, head: int = 0) -> int:
        """The number of a head among the senders; that of the layer's MLP for a head past the last."""
        return len(self.groups) + layer * (self.heads + 1) + head

    def sender_mlp(self, layer: int) -> int:
        return self.sender_head(layer, self.heads)

    def receiver_head(self, layer: int, head: int = 0) -> int:
        return layer * (self.heads + 1) + head

    def receiver_mlp(self, layer: int) -> int:
        return self.receiver_head(layer, self.heads)

    @cached_property
    def possible(self) -> Bool[np.ndarray, "sender receiver"]:
        """Which edges there are: from every sender to every receiver that reads after it has written."""
        edges = np.zeros((self.senders, self.receivers), bool)
        for layer in range(self.layers):
            first = self.receiver_head(layer)
            edges[: self.sender_head(layer), first : first + self.heads] = True
            edges[: self.sender_mlp(layer), self.receiver_mlp(layer)] = True
        edges[:, -1] = True
        return edges

    @cached_property
    def sending(self) -> tuple[Node, ...]:
        """Every sender."""
        sources = [
            Node("source", -1, number, SOURCES.get(group.name, group.name)) for number, group in enumerate(self.groups)
        ]
        return (*sources, *self._inside)

    @cached_property
    def receiving(self) -> tuple[Node, ...]:
        """Every receiver."""
        return (*self._inside, Node("logits", self.layers, -1, LOGITS))

    @cached_property
    def _inside(self) -> tuple[Node, ...]:
        return tuple(
            Node("head", layer, part, f"L{layer} H{part}")
            if part < self.heads
            else Node("mlp", layer, -1, f"L{layer} MLP")
            for layer in range(self.layers)
            for part in range(self.heads + 1)
        )

    def source(self, name: str) -> int | None:
        """The sender of a group of this name; None where there is none."""
        return next((number for number, group in enumerate(self.groups) if group.name == name), None)

    def alive(self, kept: Bool[np.ndarray, "sender receiver"]) -> Bool[np.ndarray, "sender receiver"]:
        """Those of some edges that lie on a way from a source to the logits: nothing passes over the others."""
        kept = kept & self.possible
        sources = len(self.groups)
        reached = np.zeros(self.senders, bool)
        reached[:sources] = True
        for receiver in range(self.receivers - 1):
            # A receiver is the sender of the same number after the sources, and all that it reads comes before it.
            reached[sources + receiver] = bool((kept[:, receiver] & reached).any())
        read = np.zeros(self.receivers, bool)
        read[-1] = True
        for receiver in range(self.receivers - 2, -1, -1):
            read[receiver] = bool((kept[sources + receiver] & read).any())
        alive: Bool[np.ndarray, "sender receiver"] = kept & reached[:, None] & read[None]
        return alive
