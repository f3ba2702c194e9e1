"""Families that cut a picture into tiles, row by row, and show the whole of it once more after them.

The picture is squashed to whole tiles, so that they cover it. One that fits into a single tile is shown once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

from ....answer import PatchView
from .base import Family, ImageSize, Tower, count_up
from .rasters import Rasters, tile, whole_image
from .squares import class_tokens, encoder_layers, image_tokens, layers_read, square_places


@dataclass(frozen=True)
class Tiled(Family):
    """Tiles of the same square number of tokens."""

    shares_prefix: bool = True

    @abstractmethod
    def tiles(self, processor: Any, size: ImageSize) -> tuple[int, int]:
        """Rows and columns of tiles that the processor cuts a picture into; (1, 1) for one that is not cut."""

    @abstractmethod
    def side(self, config: Any, processor: Any) -> int:
        """Rows, and columns, of image tokens in a tile."""

    def image_grid(self, config: Any, processor: Any) -> str:
        side = self.side(config, processor)
        return f"tiles of {side} x {side}"

    def views(
        self,
        config: Any,
        processor: Any,
        inputs: Mapping[str, Tensor],
        sizes: Sequence[ImageSize],
        image_positions: Sequence[int],
    ) -> tuple[PatchView, ...]:
        rasters, side = Rasters(image_positions), self.side(config, processor)
        for image, size in enumerate(sizes):
            rows, columns = self.tiles(processor, size)
            for number in range(rows * columns) if rows * columns > 1 else ():
                box = tile(size, *divmod(number, columns), rows, columns)
                rasters.add(image, f"tile {number + 1}", side, side, box)
            rasters.add(image, "overview", side, side, whole_image(size))
        return rasters.all()

    def positions(self, network: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "axes position"] | None:
        return count_up(inputs)


@dataclass(frozen=True)
class InternVL(Tiled):
    """InternVL: the canvas of tiles whose shape is nearest to the picture's."""

    def tiles(self, processor: Any, size: ImageSize) -> tuple[int, int]:
        images = processor.image_processor
        if not images.crop_to_patches and processor.images_kwargs.get("crop_to_patches") is not True:
            return 1, 1
        width, height = size
        tile_size = (images.size["height"], images.size["width"])
        columns, rows = get_optimal_tiled_canvas((height, width), tile_size, images.min_patches, images.max_patches)
        return rows, columns

    def side(self, config: Any, processor: Any) -> int:
        return isqrt(processor.image_seq_length)

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        base, config, read = network.model, network.config, layers_read(network)
        if read is None:
            return None
        tiles, merged = inputs["pixel_values"].shape[0], round(1 / config.downsample_ratio)
        side = isqrt(image_tokens(network, inputs) // tiles) * merged
        skipped = class_tokens(config)
        # Only what the last layer leaves is normed, and only in some checkpoints.
        norm = base.vision_tower.layernorm if config.vision_feature_layer == -1 else torch.nn.Identity()

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            seen = norm(states).view(tiles, -1, states.shape[-1])[:, skipped:].reshape(tiles, side, side, -1)
            blocks = base.pixel_shuffle(seen, scale_factor=config.downsample_ratio).flatten(0, 2)
            hidden: Tensor = base.multi_modal_projector(blocks)
            return hidden[None]

        place_of = square_places(tiles, side, merged, skipped).to(inputs["input_ids"].device)
        return Tower(read[0], place_of, torch.nn.ModuleList([norm, base.multi_modal_projector]), project)


@dataclass(frozen=True)
class AyaVision(InternVL):
    """Aya Vision: the same tiles over a SigLIP, and a projector that merges patches itself."""

    def side(self, config: Any, processor: Any) -> int:
        vision = config.vision_config
        return int(vision.image_size // vision.patch_size // config.downsample_factor)

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        config, read, projector = network.config, layers_read(network), network.model.multi_modal_projector
        if read is None:
            return None
        layers, reads = read
        tiles, merged = inputs["pixel_values"].shape[0], config.downsample_factor
        side = isqrt(image_tokens(network, inputs) // tiles) * merged
        skipped = class_tokens(config)

        def project(*states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            beside = torch.cat(states, -1)
            hidden: Tensor = projector(beside.view(tiles, -1, beside.shape[-1])[:, skipped:])
            return hidden.flatten(0, -2)[None]

        place_of = square_places(tiles, side, merged, skipped).to(inputs["input_ids"].device)
        return Tower(layers, place_of, projector, project, reads)


@dataclass(frozen=True)
class Idefics3(Tiled):
    """Idefics 3 and SmolVLM: as many tiles as the enlarged picture needs, with tags between them."""

    def tiles(self, processor: Any, size: ImageSize) -> tuple[int, int]:
        _, rows, columns = processor.image_processor.get_number_of_image_patches(size[1], size[0])
        return max(1, rows), max(1, columns)

    def side(self, config: Any, processor: Any) -> int:
        return isqrt(processor.image_seq_len)

    def tower(self, network: Any, inputs: Mapping[str, Tensor]) -> Tower | None:
        vision, connector = network.model.vision_model, network.model.connector
        layers, merged = encoder_layers(vision), connector.scale_factor
        if layers is None:
            return None
        side = inputs["pixel_values"].shape[-1] // vision.patch_size
        tiles = image_tokens(network, inputs) // (side // merged) ** 2

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = connector(vision.post_layernorm(states).view(tiles, side**2, -1))
            return hidden.flatten(0, 1)[None]

        place_of = square_places(tiles, side, merged).to(inputs["input_ids"].device)
        return Tower(layers, place_of, torch.nn.ModuleList([vision.post_layernorm, connector]), project)


FAMILIES = (
    InternVL(name="internvl", model_types=("internvl",)),
    AyaVision(name="aya_vision", model_types=("aya_vision",)),
    *(Idefics3(name=kind, model_types=(kind,)) for kind in ("idefics3", "smolvlm")),
)
