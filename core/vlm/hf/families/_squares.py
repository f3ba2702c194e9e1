"""Towers that look at squares one by one (CLIP, SigLIP, InternViT): where the patches of an image token stand in them.

The squares are images, tiles of them, or both; a tower holds them as a batch, each with its class token in front
where it has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor


def square_places(squares: int, side: int, merged: int = 1, skipped: int = 0) -> Int[Tensor, "image_token merged"]:
    """The places of every image token, where `merged` x `merged` of the `side` x `side` patches of a square become one
    and the tokens of a square follow each other row by row. `skipped` class tokens stand in front of each square."""
    places = torch.arange(squares * (skipped + side**2)).view(squares, -1)[:, skipped:]
    blocks = places.reshape(squares, side // merged, merged, side // merged, merged)
    return blocks.transpose(2, 3).reshape(-1, merged**2)


def square_blocks(grids: Sequence[Sequence[int]], merged: int) -> Int[Tensor, "image_token merged"]:
    """The places of every image token, where `merged` x `merged` patches become one and a tower holds images of so many
    rows and columns of patches one after the other, each row by row."""
    tokens, first = [], 0
    for rows, columns in grids:
        places = torch.arange(first, first + rows * columns)
        blocks = places.view(rows // merged, merged, columns // merged, merged)
        tokens.append(blocks.transpose(1, 2).reshape(-1, merged**2))
        first += rows * columns
    return torch.cat(tokens)


def class_tokens(config: Any) -> int:
    """How many tokens in front of each square's patches are left out. ViP-LLaVA has no such setting, and leaves out the
    class token."""
    return 1 if getattr(config, "vision_feature_select_strategy", "default") == "default" else 0


def has_class_token(vision_config: Any) -> bool:
    """Whether a tower puts a class token in front of its patches: SigLIP's does not."""
    return "siglip" not in str(vision_config.model_type)


def encoder_layers(vision: torch.nn.Module) -> Sequence[torch.nn.Module] | None:
    """The layers of a tower; None where they are not where these towers have them."""
    encoder = getattr(getattr(vision, "vision_model", vision), "encoder", None)
    return getattr(encoder, "layers", getattr(encoder, "layer", None))


def layers_read(network: Any) -> tuple[Sequence[torch.nn.Module], tuple[int, ...]] | None:
    """The layers of a tower up to the last one that `vision_feature_layer` names, and after how many of them the
    states that it names stand.

    None where there is no such setting.
    """
    config = network.config
    layers, feature = encoder_layers(network.model.vision_tower), getattr(config, "vision_feature_layer", None)
    if layers is None or feature is None:
        return None
    # The states are counted from the embeddings on: as many as there are layers, and one.
    named = [feature] if isinstance(feature, int) else feature
    reads = tuple(count if count >= 0 else len(layers) + 1 + count for count in named)
    return layers[: max(reads)], reads
