"""The vision tower's checkpointed pass: its layers recomputed, and the projector after them.

The tower sees everything at once (no causal order), possibly in windows. Some of its places become no image token (a
class token), and in some families several are merged into one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checkpoints import CheckpointedPass

BLOCK_BYTES, GPU_BLOCK_BYTES = 2 * 2**20, 64 * 2**20
"""Whole rows of a tower are formed in blocks of about this size: those of a large picture would take gigabytes."""


def block_bytes(device: torch.device) -> int:
    """The size of a block of rows on a device."""
    return BLOCK_BYTES if device.type == "cpu" else GPU_BLOCK_BYTES


class TowerPass(CheckpointedPass):
    """A checkpointed pass of the vision tower over all images of a question. Its positions are the tower's own places.

    `place_of[i]` are the places that became the i-th image token of the sequence (in the order of its IMAGE
    positions): one each for LLaVA, four merged ones for Qwen2.5-VL, and -1 for a token that is made of none, as the
    end of a row of patches. `final` and the layers end with the last layer that the family reads.

    `reads` says after how many layers the states stand that the projector reads: after all of them, but for ViP-LLaVA,
    which reads several layers, and Qwen3-VL. What the latter makes of earlier layers enters the decoder later:
    `entries` is the number of the decoder's first layers that are given something of the tower's.
    """

    place_of: Int[Tensor, "image_token merged"]
    reads: tuple[int, ...]
    entries: int

    @property
    def seeing(self) -> Int[Tensor, "token"]:
        """The image tokens (indices into `place_of`) that are made of places."""
        return (self.place_of[:, 0] >= 0).nonzero()[:, 0]

    @property
    def read(self) -> list[Float[Tensor, "place width"]]:
        """The states that are read, one for each of `reads`. Raises ValueError for those that were freed."""
        stored = [self.final if count == self.layers else self.inputs[count] for count in self.reads]
        if any(states is None for states in stored):
            raise ValueError("states that are read were freed")
        return [states for states in stored if states is not None]

    @abstractmethod
    def project(self, *states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
        """What the decoder reads in place of the image tokens, and what is added to them before each of its next
        layers, from the states that are read. Differentiable."""

    def attention_blocks(
        self, layer: int, tokens: Int[Tensor, "token"], queries: Int[Tensor, "row"] | None = None
    ) -> Iterator[tuple[Int[Tensor, "block"], Float[Tensor, "heads block token"]]]:
        """One layer's attention among some image tokens (indices into `place_of`), in at least float32: the rows of
        `queries` (indices into `tokens`; None: of all), as many at a time as a block of whole rows of the tower holds,
        with the queries that they are of.

        Merged places are averaged over queries and summed over keys. Tokens in different windows do not see each
        other. Raises ValueError for a layer that was freed.
        """
        places, merged = self.place_of[tokens], self.place_of.shape[1]
        wanted = torch.arange(len(tokens), device=places.device) if queries is None else queries
        with self.recompute(layer, grad=False) as recomputed:
            for call in recomputed.attention_calls:
                # The places of one square, or of one window, see each other and nothing else, and a token's stand in
                # one of them.
                first, last = call.offset, call.offset + call.query.shape[1]
                inside = (places[:, 0] >= first) & (places[:, 0] < last)
                seen, own = inside.nonzero()[:, 0], wanted[inside[wanted]]
                # What a row is taken from, or what it becomes: tokens of other squares stand in it as zeros.
                heads = len(call.query)
                row = 4 * heads * max(merged * call.key.shape[1], len(tokens))
                for block in own.split(max(1, block_bytes(call.query.device) // row)) if len(own) else ():
                    rows = call.rows(places[block].flatten() - call.offset)[
                        ..., places[seen].flatten() - call.first_key
                    ]
                    part = rows.view(heads, len(block), merged, len(seen), merged).mean(2).sum(-1)
                    yield block, part.new_zeros(heads, len(block), len(tokens)).index_copy_(2, seen, part)

    def attention_among(self, layer: int, tokens: Int[Tensor, "token"]) -> Float[Tensor, "heads token token_seen"]:
        """The blocks of `attention_blocks` together: for few tokens."""
        whole: Tensor | None = None
        for block, rows in self.attention_blocks(layer, tokens):
            if whole is None:
                whole = rows.new_zeros(len(rows), len(tokens), len(tokens))
            whole[:, block] = rows
        if whole is None:
            raise ValueError("no place of the tower became any of these tokens")
        return whole
