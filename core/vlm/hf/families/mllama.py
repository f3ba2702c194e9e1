"""Llama 3.2 Vision: the image is no part of the sequence. Some layers of the decoder, which attend to nothing else,
look across at the vision tower's patches.

Over the sequence such a layer is one without attention. Its keys are tiles x patches, which stand after the sequence
where relevancy and rows are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType, SimpleNamespace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers.models.mllama.image_processing_pil_mllama import get_image_size_fit_to_canvas
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

from ....answer import PatchView
from ..editing import Placed
from .base import Family
from .context import ImageSize, PromptContext

MASK = "cross_attention_mask"


class Mllama(Family):
    """Llama 3.2 Vision."""

    key = "mllama"
    name = "Llama 3.2 Vision"
    model_types = ("mllama",)
    across = True

    def image_grid(self, context: PromptContext) -> str:
        vision = context.config.vision_config
        side = vision.image_size // vision.patch_size
        return f"none in the sequence: up to {vision.max_num_tiles} tiles of {side} x {side} patches are read across"

    def keys_across(self, context: PromptContext) -> tuple[int, tuple[PatchView, ...]]:
        vision = context.config.vision_config
        side, most = vision.image_size // vision.patch_size, vision.max_num_tiles
        views: list[PatchView] = []
        shapes = [vision.supported_aspect_ratios[id - 1] for id in context.inputs["aspect_ratio_ids"][0].tolist()]
        for image, ((rows, columns), size) in enumerate(zip(shapes, context.image_sizes, strict=True)):
            across, down = _canvas(size, rows, columns, vision.image_size)
            for tile in range(rows * columns):
                row, column = divmod(tile, columns)
                box = (column * across, row * down, (column + 1) * across, (row + 1) * down)
                # Each tile's class token comes first.
                first = (image * most + tile) * (side**2 + 1) + 1
                name = "picture" if rows * columns == 1 else f"tile {tile + 1}"
                views.append(PatchView(image, name, side, side, box, tuple(range(first, first + side**2))))
        return len(shapes) * most * (side**2 + 1), tuple(views)

    def adapt(self, network: Any, processor: Any) -> Any:
        for layer in network.model.language_model.layers:
            if hasattr(layer, "cross_attn"):
                layer.cross_attn.register_forward_pre_hook(_for_each_sequence, with_kwargs=True)
                layer.forward = MethodType(_passing_on(type(layer).forward), layer)
        network.get_image_features = MethodType(_image_features, network)
        across = network.config.text_config.cross_attention_layers
        first = next(layer for layer in range(len(network.model.language_model.layers)) if layer not in across)
        network.forward = MethodType(_reading_on(type(network).forward, first), network)
        return processor

    def word_inputs(self, processor: Any, inputs: Any, ids: Sequence[int], text: str) -> dict[str, Tensor]:
        # Which tokens see which image depends on where the images stand among them.
        if MASK not in inputs:
            return {}
        tiles = inputs[MASK].any(1).sum(-1).tolist()
        dense = convert_sparse_cross_attention_mask_to_dense(
            [get_cross_attention_token_mask(list(ids), processor.image_token_id)],
            num_tiles=tiles,
            max_num_tiles=inputs[MASK].shape[-1],
            length=len(ids),
        )
        return {MASK: torch.from_numpy(dense)}


def _canvas(size: ImageSize, rows: int, columns: int, tile: int) -> tuple[float, float]:
    """Width and height of a tile in pixels of the original image, which is made to fit into the tiles, its proportions
    kept, and padded at the right and below."""
    width, height = size
    high, wide = get_image_size_fit_to_canvas(height, width, rows * tile, columns * tile, tile)
    return tile * width / wide, tile * height / high


def _for_each_sequence(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The image's states for each sequence of a batch: the attention takes one batch for the other. And where the rows
    stand that look at them."""
    states, rows = kwargs.get("cross_attention_states"), kwargs["hidden_states"].shape[0]
    before = getattr(kwargs.get("past_key_values"), "rows_before", 0)
    kwargs = {**kwargs, "placed": Placed(before, across=True, causal=False)}
    if states is None or rows == 1:
        return args, kwargs
    return args, {**kwargs, "cross_attention_states": states.reshape(1, -1, states.shape[-1]).expand(rows, -1, -1)}


def _has_seen(cache: Any) -> bool:
    """Whether a network's cache holds what is looked at across."""
    return getattr(cache, "last_seen", None) is not None


def _passing_on(forward: Any) -> Any:
    """The `forward` of a layer that looks across. Where there is no image it passes on what it is given, as if it were
    left out."""

    def looking(self: Any, hidden_states: Tensor, cross_attention_states: Tensor | None = None, **more: Any) -> Any:
        if cross_attention_states is not None and not cross_attention_states.shape[1]:
            return hidden_states
        return forward(self, hidden_states, cross_attention_states=cross_attention_states, **more)

    return looking


def _image_features(
    self: Any, pixel_values: Tensor, aspect_ratio_ids: Tensor, aspect_ratio_mask: Tensor, **_: Any
) -> Any:
    """What the decoder reads across, as other networks hand out their image features."""
    seen = self.model.vision_model(
        pixel_values=pixel_values, aspect_ratio_ids=aspect_ratio_ids, aspect_ratio_mask=aspect_ratio_mask
    ).last_hidden_state
    projected = self.model.multi_modal_projector(seen)
    return SimpleNamespace(pooler_output=projected.reshape(-1, projected.shape[-2], projected.shape[-1]))


def _reading_on(forward: Any, first: int) -> Any:
    """The `forward` of the network, which takes image features as others do, and lets every token after the prompt see
    what its last token saw. `first` is the first layer that attends to the sequence, and so remembers its length."""

    def reading(
        self: Any,
        input_ids: Int[Tensor, "batch position"],
        mm_encoder_outputs: dict[str, Any] | None = None,
        cross_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        **inputs: Any,
    ) -> Any:
        if mm_encoder_outputs:
            inputs = {name: value for name, value in inputs.items() if not name.startswith("aspect_ratio")}
            inputs["cross_attention_states"] = mm_encoder_outputs["image"].pooler_output
        if "pixel_values" not in inputs and "cross_attention_states" not in inputs and not _has_seen(past_key_values):
            # Left to itself the network leaves out the layers that would look at an image.
            inputs["cross_attention_states"] = self.get_output_embeddings().weight.new_zeros(1, 0, 1)
        if cross_attention_mask is None:
            last = getattr(past_key_values, "last_seen", None)
            cross_attention_mask = None if last is None else last.expand(-1, input_ids.shape[1], -1, -1)
        else:
            last = cross_attention_mask[:, -1:]
            more = input_ids.shape[1] - cross_attention_mask.shape[1]
            if more > 0:
                cross_attention_mask = torch.cat([cross_attention_mask, last.expand(-1, more, -1, -1)], 1)
            if past_key_values is not None:
                past_key_values.last_seen = last
        if past_key_values is not None:
            past_key_values.rows_before = past_key_values.get_seq_length(first)
        return forward(
            self,
            input_ids=input_ids,
            cross_attention_mask=cross_attention_mask,
            past_key_values=past_key_values,
            **inputs,
        )

    return reading
