"""Where in the first picture a map points: the window of its mass, as remedies crop or highlight it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Box, Target
from ..comparison.keyword import key_tokens
from ..errors import NotApplicable
from ..explainers.registry import explainers
from ..explainers.run import explain
from ..masking import finest_views
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import token_targets_of
from .base import Progress

CELLS = 48
"""Of the longer side of a picture, on which windows are tried."""
METHODS = ("relative_attention", "relevancy", "raw_attention", "logprob_increase", "input_gradient")
"""Maps that a region may be taken from; the first is the publication's."""
SIZES = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Sides of windows that are tried, as shares of the picture's."""


def map_passes(model: VisionLanguageModel, answer: Answer, method: str) -> Passes:
    """What the map costs."""
    explainer = explainers()[method]
    targets = token_targets_of(answer, Target(key_tokens(answer)))
    return explainer.passes(model, answer, targets, explainer.Settings())


def without_places(answer: Answer) -> str | None:
    """Why there is no place in a picture that a map could point to; None where there is one."""
    if not answer.layout.views:
        return "Where in the picture the image tokens stand is not known, so a map names no region. Measure the grid."
    return None


def region_of(
    model: VisionLanguageModel, answer: Answer, method: str, cancel: CancelToken, progress: Progress
) -> tuple[Box, float]:
    """The window of the first picture that holds most of a map of the answer's deciding word, and the share of the map
    that lies in it. Raises NotApplicable where the map has nothing in that picture."""
    (found,) = explain(
        explainers()[method], model, answer, [Target(key_tokens(answer))], cancel=cancel, progress=progress
    )
    if found.complete < 1:
        cancel.check()
    grid = on_cells(answer, np.asarray(found.scores, dtype=np.float64))
    if not grid.sum() > 0:
        raise NotApplicable("The map has nothing in the first picture, so there is no region. Choose another map.")
    top, left, rows, columns = best_window(grid)
    width, height = answer.layout.image_sizes[0]
    across, down = width / grid.shape[1], height / grid.shape[0]
    box = (left * across, top * down, (left + columns) * across, (top + rows) * down)
    return box, float(grid[top : top + rows, left : left + columns].sum() / grid.sum())


def on_cells(answer: Answer, scores: Float[np.ndarray, "position"]) -> Float[np.ndarray, "row column"]:
    """The positive scores of the first picture's finest patches, spread over cells of the picture."""
    width, height = answer.layout.image_sizes[0]
    side = CELLS / max(width, height)
    grid = np.zeros((max(1, round(height * side)), max(1, round(width * side))))
    down, across = grid.shape[0] / height, grid.shape[1] / width
    for view in finest_views(answer.layout, 0):
        for index, position in enumerate(view.positions):
            left, top, right, bottom = view.patch_box(index)
            score = scores[position]
            if not (np.isfinite(score) and score > 0):
                continue
            of_rows = _overlap(top * down, bottom * down, grid.shape[0])
            of_columns = _overlap(left * across, right * across, grid.shape[1])
            area = of_rows.sum() * of_columns.sum()
            if area > 0:
                grid += score * np.outer(of_rows, of_columns) / area
    return grid


def _overlap(start: float, end: float, cells: int) -> Float[np.ndarray, "cell"]:
    """How much of each cell lies between two places."""
    edges = np.arange(cells)
    return np.clip(np.minimum(end, edges + 1) - np.maximum(start, edges), 0, None)


def best_window(grid: Float[np.ndarray, "row column"], sizes: Sequence[float] = SIZES) -> tuple[int, int, int, int]:
    """The window (top, left, rows, columns) that stands out most: of each size the one with the largest sum, and of
    these the one whose sum exceeds the mean of its neighbours' most, for its area. After Zhang et al. (2025), "MLLMs
    Know Where to Look"."""
    sums = np.pad(grid, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    best: tuple[float, tuple[int, int, int, int]] | None = None
    for size in sizes:
        rows, columns = (max(1, round(size * cells)) for cells in grid.shape)
        windows = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
        top, left = np.unravel_index(int(windows.argmax()), windows.shape)
        step = max(1, min(rows, columns) // 2)
        beside = [
            windows[min(max(top + down, 0), windows.shape[0] - 1), min(max(left + across, 0), windows.shape[1] - 1)]
            for down, across in ((-step, 0), (step, 0), (0, -step), (0, step))
        ]
        out = float(windows[top, left] - np.mean(beside)) / (rows * columns)
        if best is None or out > best[0]:
            best = out, (int(top), int(left), rows, columns)
    assert best is not None
    return best[1]
