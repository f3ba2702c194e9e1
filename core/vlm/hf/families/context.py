"""What a family is told when it is asked about a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

ImageSize = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, eq=False)
class PromptContext:
    """A model, and a prompt over images as its processor made it.

    `config`, `processor` and `network` are those of `transformers`; a prompt can be laid out without the network.
    `inputs` are the model inputs (batch of one), `image_sizes` are those of the original images, and `image_positions`
    all positions of image tokens, in order. These are empty where a family is asked about the model alone.
    """

    config: Any
    processor: Any
    network: Any = None
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    image_sizes: Sequence[ImageSize] = ()
    image_positions: Sequence[int] = ()
