"""Strips of light: is an image token's box really the part of the image that the token sees?

The oracle knows nothing of grids. The vision tower gets an attention in which every token sees itself alone, parts of
the original image are lit and go through the real processor, and the tokens whose features change are exactly those
that saw the part. A declared grid is proven where every view lights up where it says it is, and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from ..answer import PatchView, Question, TokenKind, TokenLayout
from ..vlm.hf.capture import seeing_only_themselves
from ..vlm.hf.network import TransformersModel
from .wrong import Wrong

OWN = "own_token_only"


def _own_token_only(module: Any, query: Tensor, key: Any, value: Tensor, attention_mask: Any, **_: Any) -> Any:
    # Heads may share values.
    values = value.repeat_interleave(query.shape[1] // value.shape[1], 1).transpose(1, 2).contiguous()
    if query.shape[2] == value.shape[2]:
        return values, None
    # Fewer questions than answers: attention that pools.
    return values.mean(1, keepdim=True).expand(-1, query.shape[2], -1, -1).contiguous(), None


AttentionInterface.register(OWN, _own_token_only)
AttentionMaskInterface.register(OWN, sdpa_mask)


@contextlib.contextmanager
def blinkers(model: TransformersModel) -> Iterator[None]:
    """In this block image tokens know nothing of each other."""
    network = model.network
    if not network._can_set_attn_implementation():
        # Its tower was given an attention, and takes no other.
        with seeing_only_themselves():
            yield
        return
    text = network.config.get_text_config()
    parts = {name: getattr(network.config, name, None) for name in network.config.sub_configs}
    before = {name: part._attn_implementation for name, part in parts.items() if part is not None}
    blind = {name: before[name] if parts[name] is text else OWN for name in before}
    network.set_attn_implementation({"": network.config._attn_implementation, **blind})
    try:
        yield
    finally:
        network.set_attn_implementation({"": network.config._attn_implementation, **before})


def features(
    model: TransformersModel, pixels: UInt8[np.ndarray, "height width 3"]
) -> tuple[TokenLayout, Float[Tensor, "image_token hidden"]]:
    """The layout, and what the image tokens are made of, in sequence order."""
    prepared = model.prepare(Question("What?", images=(Image.fromarray(pixels),)))
    tower = model._passes.tower(prepared.inputs)
    # Llama 4 projects what its tower leaves in the decoder.
    parts = tower.last_hidden_state if tower.get("pooler_output") is None else tower.pooler_output
    return prepared.layout, torch.cat([part.reshape(-1, part.shape[-1]) for part in parts])


def changed(
    model: TransformersModel, base: UInt8[np.ndarray, "height width 3"], lit: Bool[np.ndarray, "height width"]
) -> set[int]:
    """Indices of the image tokens that notice that `lit` pixels became brighter."""
    bright = np.where(lit[..., None], np.minimum(base + 60, 255), base).astype(np.uint8)
    _, before = features(model, base)
    _, after = features(model, bright)
    least = 1e-6 * min(1.0, float(before.abs().max()))
    return set((before - after).abs().amax(-1).gt(least).nonzero().flatten().tolist())


def spans(view: PatchView, axis: int) -> list[tuple[float, float]]:
    """From where to where each patch of a view reaches, along x (0) or y (1)."""
    boxes = [view.patch_box(index) for index in range(view.rows * view.columns)]
    return [(box[axis], box[axis + 2]) for box in boxes]


def check_strips(
    model: TransformersModel, size: tuple[int, int], axis: int, strips: int, resizings: int = 2, patch: int = 14
) -> None:
    """Light strips across an image: the tokens of every view that they cross must notice, and none further away than
    its `resizings` reach. `patch` is the side of a token of the tower in pixels of the resized image, at least. Raises
    Wrong."""
    width, height = size
    base = np.random.default_rng(1).integers(60, 160, (height, width, 3)).astype(np.uint8)
    layout, _ = features(model, base)
    if not layout.views:
        raise Wrong(f"no view of a picture of {width} x {height} px")
    places = layout.positions(TokenKind.IMAGE)
    number = {position: index for index, position in enumerate(places)}
    seen_by_views = {number[position] for view in layout.views for position in view.positions}
    # Shrinking without smoothing looks at single pixels, some way apart.
    thick = max(5, size[axis] // 32)
    place = np.arange(size[axis]) if axis == 0 else np.arange(size[axis])[:, None]
    for start in np.linspace(0, size[axis] - thick - 1, strips).astype(int):
        stop = start + thick
        seen = changed(model, base, np.broadcast_to((place >= start) & (place < stop), (height, width)))
        if not seen <= seen_by_views:
            raise Wrong(f"tokens without a place see px {start} to {stop} of {width} x {height} px, axis {axis}")
        for view in layout.views:
            side = (view.box[axis + 2] - view.box[axis]) / (view.columns, view.rows)[axis]
            # Resizing mixes pixels: bicubic reaches two source pixels, or two target pixels where it shrinks.
            reach = resizings * (2 * max(1.0, side / patch) + 1)
            inside = {view.positions.index(places[index]) for index in seen if places[index] in view.positions}
            must = {i for i, (a, b) in enumerate(spans(view, axis)) if min(b, stop) - max(a, start) > 2 * resizings}
            # What lies in padding sees nothing of the image.
            inner = reach, size[1 - axis] - reach
            must &= {i for i, (a, b) in enumerate(spans(view, 1 - axis)) if a < inner[1] and b > inner[0]}
            may = {i for i, (a, b) in enumerate(spans(view, axis)) if a - reach < stop and b + reach > start}
            if not must <= inside <= may:
                raise Wrong(
                    f"{view.name} of {width} x {height} px, axis {axis}, px {start} to {stop}: seen by "
                    f"{sorted(inside)}, should be seen by {sorted(must)} and by none but {sorted(may)}"
                )


def check_brightest(model: TransformersModel, size: tuple[int, int], axis: int, strips: int) -> None:
    """Light strips across an image, before a tower whose tokens know of their neighbours: of each view the column (or
    row) of tokens that changes most must be one that the strip crosses, or the one beside. Raises Wrong."""
    width, height = size
    base = np.random.default_rng(1).integers(60, 160, (height, width, 3)).astype(np.uint8)
    layout, before = features(model, base)
    if not layout.views:
        raise Wrong(f"no view of a picture of {width} x {height} px")
    number = {position: index for index, position in enumerate(layout.positions(TokenKind.IMAGE))}
    thick = size[axis] // 8
    for start in np.linspace(0, size[axis] - thick, strips).astype(int):
        lit = base.astype(np.int64)
        lit[(slice(None), slice(start, start + thick))[:: 1 if axis == 0 else -1]] += 60
        _, after = features(model, lit.astype(np.uint8))
        moved = (after - before).abs().sum(-1)
        for view in layout.views:
            own = moved[[number[position] for position in view.positions]].view(view.rows, view.columns)
            most = int(own.sum(axis).argmax())
            edges = spans(view, axis)[most if axis == 0 else most * view.columns]
            side = edges[1] - edges[0]
            if not start - side < (edges[0] + edges[1]) / 2 < start + thick + side:
                raise Wrong(
                    f"{view.name} of {width} x {height} px, axis {axis}, px {start} to {start + thick}: number {most} "
                    f"changes most, which stands from px {edges[0]:.0f} to {edges[1]:.0f}"
                )
