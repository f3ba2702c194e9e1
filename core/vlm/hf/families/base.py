"""What a family of architectures declares: where its image tokens are in the image, how positions count, and how its
vision tower works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ....answer import PatchView
from ...edits import Site
from ._counted import counted_by
from .context import PromptContext


@dataclass(frozen=True, eq=False)
class Tower:
    """A vision tower: its layers up to the last one that is read, and how their places become image tokens.

    Places are numbered through all images (or all windows) in the order in which the layers hold them. `place_of`,
    `project`, `reads` and `entries` are as in a `TowerPass`; `projector` holds the weights that `project` uses. Without
    `reads`, only what the last of the layers leaves is read.
    """

    layers: Sequence[torch.nn.Module]
    place_of: Int[Tensor, "image_token merged"]
    projector: torch.nn.Module
    project: Callable[..., Float[Tensor, "entry image_token hidden"]]
    reads: tuple[int, ...] = ()
    entries: int = 1


class Family:
    """An architecture. The defaults are what can be said of one that nobody has described: its image tokens are known
    by their id, but not their place in the image, and nothing of a prompt is used again for another.

    `key` is what the model card says, `name` what people call it. It is the family of every model whose configuration
    has one of `model_types`, and, where `vision_types` are given, a vision tower of one of those types: such a claim
    goes before that of a family which takes any tower. No two families may make the same claim.
    """

    key: str
    name: str
    model_types: tuple[str, ...] = ()
    vision_types: tuple[str, ...] = ()

    network_class: str | None = None
    """The class of `transformers` that is loaded, where that is not the one to which it maps the model type."""

    undivided: bool = False
    """True where the network cannot be laid out over several devices."""

    shares_prefix: bool = False
    """True where a position sees nothing after it, so that a prompt's beginning can be kept for another question."""

    stacks: bool = False
    """True where the inputs of several prompts of one shape, concatenated, are a batch, and where the image processor
    alone makes all inputs that depend on pixels."""

    answer_type: int = 0
    """The token type of what stands after the prompt, for networks that are given types."""

    most_images: int | None = None
    """How many images a question may have; None for any number."""

    needs_image: bool = False
    """True where no question can be asked without an image."""

    tower_reads_words: bool = False
    """True where what becomes of an image depends on the words that are asked about it."""

    across: bool = False
    """True where images are read by layers of cross-attention, so that none of their patches is in the sequence."""

    resamples: bool = False
    """True where a fixed number of image tokens look all over the image, so that none has a place in it."""

    video: str = ""
    """The video processor of `transformers` that makes frames ready: the module under `transformers.models` and the
    class, as "qwen3_vl.Qwen3VLVideoProcessor". Empty where the family takes no video, or how is not known here."""

    images_beside_video: bool = True
    """False where the processor takes either pictures or a video in a question."""

    attention_names: tuple[str, ...] = ("self_attn", "attention", "attn")
    mlp_names: tuple[str, ...] = ("mlp", "feed_forward", "block_sparse_moe")
    """What the parts of a decoder layer may be called."""

    def describes(self, config: Any) -> bool:
        """Whether what is declared holds for a model with this configuration, which has the right types."""
        return True

    def chat_template(self, processor: Any) -> str | None:
        """The family's own form of a prompt, for checkpoints that come without a chat template; None where there is
        none."""
        return None

    def adapt(self, network: Any, processor: Any) -> Any:
        """Make a network that was just loaded, and its processor, do what is asked of all of them; returns the
        processor."""
        return processor

    def word_inputs(
        self, processor: Any, inputs: Mapping[str, Tensor], ids: Sequence[int], text: str
    ) -> dict[str, Tensor]:
        """What the network needs beside tokens and images, made of the prompt's tokens or its words. `inputs` are the
        processor's, which has seen marks in the place of words."""
        return {}

    def image_grid(self, context: PromptContext) -> str:
        """The grid of image tokens in words, for the model card."""
        return "unknown"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        """The rasters of image tokens, with their boxes in pixels of the original images."""
        return ()

    def keys_across(self, context: PromptContext) -> tuple[int, tuple[PatchView, ...]]:
        """How many keys the layers of cross-attention look at, and the rasters of patches among them, by key from 0."""
        return 0, ()

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        """The positions of the prompt; the answer's follow one by one. None: the network counts the order of its tokens
        by itself. To be called under the lock of the passes."""
        return None if context.network is None else counted_by(context.network, context.inputs)

    def tower(self, context: PromptContext) -> Tower | None:
        """The vision tower over the images of a prompt; None where nobody has described it."""
        return None

    def part(self, layer: torch.nn.Module, site: Site) -> torch.nn.Module | None:
        """The attention or the MLP of a decoder layer; None where it has none of a known name."""
        names = self.attention_names if site is Site.ATTENTION else self.mlp_names
        return next((getattr(layer, name) for name in names if hasattr(layer, name)), None)


def count_up(inputs: Mapping[str, Tensor]) -> Int[Tensor, "1 position"]:
    """Positions 0, 1, 2, ... on one axis."""
    ids = inputs["input_ids"]
    return torch.arange(ids.shape[1], device=ids.device)[None]
