"""The vision tower's attention: where patches look within the picture, before a word is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from ..answer import Answer, Head, TokenKind, TokenLayout
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.memory_costs import check_memory, tower_rows_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.tower import TowerPass
from .measures import focus
from .rows import nanmean

ROWS = 3.0
"""All rows of a layer and their figures, in passes of it: it is computed again, and its attention written out."""


def image_positions(layout: TokenLayout, image: int) -> tuple[int, ...]:
    """The sequence positions of one image's tokens in the order of the tower's rows."""
    return tuple(sorted(position for view in layout.views if image in view.images for position in view.positions))


def centres(layout: TokenLayout, image: int) -> Float[np.ndarray, "place 2"]:
    """The middle of each image token's patch, as shares of the picture's longer side."""
    side = max(layout.image_sizes[image])
    boxes = {
        position: view.patch_box(index)
        for view in layout.views
        if image in view.images
        for index, position in enumerate(view.positions)
    }
    corners = np.array([boxes[position] for position in image_positions(layout, image)])
    return np.stack([corners[:, [0, 2]].mean(1), corners[:, [1, 3]].mean(1)], axis=1) / side


def image_tokens(layout: TokenLayout, image: int) -> tuple[int, ...]:
    """Which of all image tokens are one image's, in the order of `image_positions`."""
    number = {position: index for index, position in enumerate(layout.positions(TokenKind.IMAGE))}
    return tuple(number[position] for position in image_positions(layout, image))


def tower_read(model: VisionLanguageModel, answer: Answer) -> TowerPass | None:
    """A pass of the tower whose attention is to be read; None where the family does not say how. Raises
    NotEnoughMemory, before any work."""
    check_memory("The vision tower's attention", tower_rows_bytes(model, answer), model, "Use a smaller picture.")
    return model.checkpointed_tower(answer)


def tower_passes(layers: float) -> Passes:
    """What a pass of the tower costs, and the rows of this share of its layers, which are computed again."""
    return Passes(tower=1 + ROWS * layers)


@dataclass(frozen=True, eq=False)
class TowerFigures:
    """What can be said of every head of a tower over one picture. `distance` is the mean length of its looks as a share
    of the picture's longer side (Dosovitskiy et al. 2021, figure 7), `focus` 1 for one patch and 0 for an even spread,
    each the mean over all patches; `looks` is where the mean patch looks."""

    distance: Float[np.ndarray, "layers heads"]
    focus: Float[np.ndarray, "layers heads"]
    looks: Float[np.ndarray, "layers heads place"]


@stoppable
def tower_figures(
    tower: TowerPass,
    layout: TokenLayout,
    image: int,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> TowerFigures:
    """The figures of every head, layer by layer and block by block: no layer's whole matrix exists. Raises
    Cancelled."""
    middles = centres(layout, image).astype(np.float32)
    layers: list[tuple[np.ndarray, ...]] = []
    for layer in range(tower.layers):
        # One place for all blocks: small pieces left between them would keep their memory from being used again.
        whole: Float[np.ndarray, "figure heads place"] | None = None
        for block, rows in _blocks(tower, layer, layout, image, None, cancel):
            apart = np.linalg.norm(middles[block, None] - middles[None], axis=-1)
            with np.errstate(divide="ignore", invalid="ignore"):
                if whole is None:
                    whole = np.full((3, len(rows), len(middles)), np.nan, np.float32)
                    whole[2] = 0
                whole[0][:, block] = (rows * apart).sum(-1) / rows.sum(-1)
                whole[1][:, block] = focus(rows)
                whole[2] += rows.sum(1)
        assert whole is not None
        layers.append((nanmean(whole[0], -1), nanmean(whole[1], -1), whole[2] / len(middles)))
        progress((layer + 1) / tower.layers)
    return TowerFigures(*(np.stack(values) for values in zip(*layers, strict=True)))


@stoppable
def tower_looks(
    tower: TowerPass,
    layout: TokenLayout,
    image: int,
    head: Head | None,
    patches: Sequence[int],
    received: bool,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Float[np.ndarray, "place"]:
    """Where some patches (indices into `image_positions`) look, or with `received` how much every patch looks at them.

    Of one head, or the mean of all. Raises Cancelled.
    """
    layers = range(tower.layers) if head is None else [head[0]]
    total = np.zeros(len(image_tokens(layout, image)))
    for done, layer in enumerate(layers, start=1):
        for block, rows in _blocks(tower, layer, layout, image, None if received else patches, cancel):
            own = rows.mean(0) if head is None else rows[head[1]]
            if received:
                total[block] += own[:, list(patches)].sum(1)
            else:
                total += own.sum(0) / len(patches)
        progress(done / len(layers))
    return total / len(layers)


def _blocks(
    tower: TowerPass,
    layer: int,
    layout: TokenLayout,
    image: int,
    queries: Sequence[int] | None,
    cancel: CancelToken | None,
) -> Iterator[tuple[Int[np.ndarray, "block"], Float[np.ndarray, "heads block place"]]]:
    """A layer's attention among one image's tokens, in blocks of rows."""
    device = tower.place_of.device
    tokens = torch.tensor(image_tokens(layout, image), device=device)
    wanted = None if queries is None else torch.tensor(list(queries), device=device)
    for block, rows in tower.attention_blocks(layer, tokens, wanted):
        if cancel is not None:
            cancel.check()
        yield block.cpu().numpy(), rows.float().cpu().numpy()
