"""LLaVA-NeXT and LLaVA-OneVision: the whole image squashed into a square, then the image once more over as many
squares as suit its shape, less the padding around it and with a token after each row."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.image_processing_utils import select_best_resolution

from ....answer import Box, PatchView
from ....clips import Clip
from ._rasters import Rasters, whole_image
from ._squares import class_tokens, layers_read, square_places
from .base import Family, Tower, count_up
from .context import ImageSize, PromptContext


class AnyResolution(Family):
    """Both families: they differ in that LLaVA-OneVision shrinks a grid that has become too large."""

    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "a square, and one that follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, config = Rasters(context.image_positions), context.config
        side = config.vision_config.image_size // config.vision_config.patch_size
        for visual in context.visuals:
            if isinstance(visual, Clip):
                self.add_clip(rasters, context, visual, side)
                continue
            size = context.image_sizes[visual]
            rasters.add(visual, "overview", side, side, whole_image(size))
            rows, columns, box = _fitted(config, size, side)
            rasters.add(visual, "detail", rows, columns, box, row_ends=1)
        return rasters.all()

    def add_clip(self, rasters: Rasters, context: PromptContext, clip: Clip, side: int) -> None:
        """Lay the rasters of a clip, where the patches of a square are `side` x `side`. LLaVA-OneVision squashes frames
        into a square, merges its tokens by interpolation, and puts a token after the last."""
        pooled = math.ceil(side / 2)
        rasters.add_frames(clip, pooled, pooled, whole_image(context.image_sizes[clip.first]))
        rasters.skip(1)

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        return count_up(context.inputs)

    def tower(self, context: PromptContext) -> Tower | None:
        base, read = context.network.model, layers_read(context.network)
        if read is None:
            return None
        layers, reads = read
        place_of = _packed_places(base, context.inputs["image_sizes"])
        # A grid that was shrunk has fewer tokens, and mixes neighbouring patches in shares of its own.
        if len(place_of) != len(context.image_positions):
            return None

        def project(*states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden = base.multi_modal_projector(torch.cat(states, -1))
            return torch.cat([hidden, base.image_newline[None].to(hidden)])[None, place_of]

        return Tower(layers, place_of[:, None], base.multi_modal_projector, project, reads)


def _packed_places(base: Any, sizes: Int[Tensor, "image 2"]) -> Int[Tensor, "image_token"]:
    """The places of image tokens, -1 at the end of a row: what the network's own packing makes of their numbers."""
    config = base.config
    square = config.vision_config.image_size
    side = square // config.vision_config.patch_size
    fitted = [select_best_resolution(size, config.image_grid_pinpoints) for size in sizes.tolist()]
    squares = [1 + (down // square) * (across // square) for down, across in fitted]
    places = square_places(sum(squares), side, skipped=class_tokens(config))
    more = {"vision_feature_select_strategy": config.vision_feature_select_strategy}
    if hasattr(config, "vision_aspect_ratio"):
        # LLaVA-OneVision's own: shrink no grid of up to a million squares.
        more = {"vision_aspect_ratio": "anyres_max_1000000"}
    # Numbers of places are exact in double precision.
    numbers = places.double().view(-1, side**2, 1).split(squares)
    packed, _ = base.pack_image_features(numbers, sizes, image_newline=-torch.ones(1).double(), **more)
    return torch.cat(packed)[:, 0].long().to(sizes.device)


def _fitted(config: Any, size: ImageSize, side: int) -> tuple[int, int, Box]:
    """Rows, columns and box of the grid that follows an image, after its padding was cut off.

    Whole rows (or columns) of patches are cut off, so a little padding may stay, or a little of the image go.
    """
    width, height = size
    square = config.vision_config.image_size
    down, across = select_best_resolution([height, width], config.image_grid_pinpoints)
    rows, columns = down // square * side, across // square * side
    seen_width, seen_height = float(width), float(height)
    if width / height > columns / rows:
        fitted = int(round(height * columns / width, 7))
        kept = rows - 2 * ((rows - fitted) // 2)
        rows, seen_height = kept, kept * width / columns
    else:
        fitted = int(round(width * rows / height, 7))
        kept = columns - 2 * ((columns - fitted) // 2)
        columns, seen_width = kept, kept * height / rows
    most = getattr(config, "vision_aspect_ratio", None)
    if most is not None:
        ratio = math.sqrt(rows * columns / (int(most.removeprefix("anyres_max_")) * side**2))
        if ratio > 1.1:
            rows, columns = int(rows // ratio), int(columns // ratio)
    left, top = (width - seen_width) / 2, (height - seen_height) / 2
    return rows, columns, (left, top, left + seen_width, top + seen_height)
