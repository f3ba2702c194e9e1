"""What a family is told when it is asked about a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ....clips import Clip, in_order

ImageSize = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, eq=False)
class PromptContext:
    """A model, and a prompt over images as its processor made it.

    `config`, `processor` and `network` are those of `transformers`; a prompt can be laid out without the network.
    `inputs` are the model inputs (batch of one), `image_sizes` are those of the original images, `clips` says which of
    these are frames of videos, and `image_positions` are all positions of image tokens, in order. These are empty where
    a family is asked about the model alone.
    """

    config: Any
    processor: Any
    network: Any = None
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    image_sizes: Sequence[ImageSize] = ()
    image_positions: Sequence[int] = ()
    clips: Sequence[Clip] = ()

    @property
    def visuals(self) -> tuple[int | Clip, ...]:
        """The images by their numbers, and the clips, in the order in which they stand in the prompt."""
        return in_order(len(self.image_sizes), self.clips)
