"""The vision tower's checkpointed pass: its layers recomputed, and the projector after them.

The tower sees everything at once (no causal order), possibly in windows, with places that become no image token (a
class token) and, in some families, several places that are merged into one image token.
"""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float, Int
from torch import Tensor

from .checkpoints import CheckpointedPass


class TowerPass(CheckpointedPass):
    """A checkpointed pass of the vision tower over all images of a question. Its positions are the tower's own places.

    `place_of[i]` are the places that became the i-th image token of the sequence (in the order of its IMAGE
    positions): one each for LLaVA, four merged ones for Qwen2.5-VL, and -1 for a token that is made of none, as the
    end of a row of patches. `final` and the layers end with the last layer that the family reads.

    `reads` says after how many layers the states stand that the projector reads: after all, but for ViP-LLaVA, which
    reads several layers, and Qwen3-VL. What that makes of earlier layers enters the decoder later: `entries` is
    how many of its first layers image tokens are handed to.
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
        found = [self.final if count == self.layers else self.inputs[count] for count in self.reads]
        if any(states is None for states in found):
            raise ValueError("states that are read were freed")
        return [states for states in found if states is not None]

    @abstractmethod
    def project(self, *states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
        """What the decoder reads in place of the image tokens, and what is added to them before each of its next
        layers, from the states that are read. Differentiable."""
