"""What a family of architectures declares: where its image tokens are in the picture, and how positions count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ....answer import PatchView
from ...edits import Site

ImageSize = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, eq=False)
class Tower:
    """A vision tower: its layers up to the last one that is read, and how their places become image tokens.

    Places are numbered through all images (or all windows) in the order in which the layers hold them. `place_of`,
    `project`, `reads` and `entries` are as in a TowerTape; `projector` holds the weights that `project` uses. Without
    `reads`, only what the last of the layers leaves is read.
    """

    layers: Sequence[torch.nn.Module]
    place_of: Int[Tensor, "image_token merged"]
    projector: torch.nn.Module
    project: Callable[..., Float[Tensor, "entry image_token hidden"]]
    reads: tuple[int, ...] = ()
    entries: int = 1


@dataclass(frozen=True)
class Family:
    """An architecture. The defaults are what can be said of one nobody has described: its image tokens are known
    by their id, but not their place in the picture, and nothing of a prompt is used again for another."""

    name: str
    model_types: tuple[str, ...] = ()
    shares_prefix: bool = False
    """True where a position sees nothing after it, so that a prompt's beginning can be kept for another question."""
    attention_names: tuple[str, ...] = ("self_attn", "attention", "attn")
    mlp_names: tuple[str, ...] = ("mlp", "feed_forward", "block_sparse_moe")
    """What the parts of a decoder layer may be called."""

    answer_type: int = 0
    """The token type of what stands after the prompt, where a network is told types."""

    stacks: bool = False
    """True where the inputs of several prompts of one shape, laid after each other, are a batch, and where the image
    processor alone makes all inputs that depend on pixels."""

    def fits(self, config: Any) -> bool:
        """Whether this adapter describes a model with this `transformers` configuration."""
        return config.model_type in self.model_types

    def image_grid(self, config: Any, processor: Any) -> str:
        """The grid of image tokens in words, for the model card."""
        return "unknown"

    def views(
        self,
        config: Any,
        processor: Any,
        inputs: Mapping[str, Tensor],
        sizes: Sequence[ImageSize],
        image_positions: Sequence[int],
    ) -> tuple[PatchView, ...]:
        """The rasters of image tokens, with their boxes in pixels of the original images.

        `image_positions` are all positions of image tokens, in order; `sizes` are the original images'.
        """
        return ()

    def positions(self, network: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "axes position"] | None:
        """The rotary positions of the prompt; the answer's follow one by one. None: the network counts itself."""
        return None

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        """The vision tower over these inputs' images; None where nobody has described it."""
        return None

    def part(self, layer: torch.nn.Module, site: Site) -> torch.nn.Module | None:
        """The attention or the MLP of a decoder layer; None where it has none of a known name."""
        names = self.attention_names if site is Site.ATTENTION else self.mlp_names
        return next((getattr(layer, name) for name in names if hasattr(layer, name)), None)


def count_up(inputs: Mapping[str, Tensor]) -> Int[Tensor, "1 position"]:
    """Positions 0, 1, 2, ... on one axis."""
    ids = inputs["input_ids"]
    return torch.arange(ids.shape[1], device=ids.device)[None]
