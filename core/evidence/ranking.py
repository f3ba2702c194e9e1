"""From a map to an order of patches."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from jaxtyping import Float, Int

from ..answer import Answer, Explanation, PatchView, TokenLayout
from ..masking import finest_views, patch_coverage, pixels_of

ERASED = (0.05, 0.1, 0.2, 0.5)
"""The shares of patches at which comprehensiveness and sufficiency are measured: those of DeYoung et al. 2020, less
their 1 %, which is no whole patch of a small picture."""

QUOTED = 0.2
"""The one of these shares that a badge speaks of."""


def places(layout: TokenLayout) -> tuple[int, ...]:
    """The positions of the image tokens that are taken away: those of the finest views that stand for at least one
    pixel. So no patch holds pixels of another, and as many patches are as much of a picture in any order."""
    placed: list[int] = []
    for image, (width, height) in enumerate(layout.image_sizes):
        seen = patch_coverage(np.zeros((height, width), dtype=bool), layout, image)
        placed += [p for view in finest_views(layout, image) for p in view.positions if p in seen]
    # A token that stands for several frames is a patch of each.
    return tuple(sorted(set(placed)))


def tile(layout: TokenLayout, positions: Collection[int]) -> bool:
    """Whether the patches of some positions leave no pixel of any picture out, so that showing some of them is hiding
    the others."""
    return all(pixels_of(positions, layout, image).all() for image in range(len(layout.image_sizes)))


def patch_scores(explanation: Explanation, positions: tuple[int, ...]) -> Float[np.ndarray, "patch"]:
    """The map's scores of these positions, in float64."""
    scores: Float[np.ndarray, "patch"] = explanation.scores.double().numpy()[list(positions)]
    return scores


def gathered_scores(
    explanation: Explanation, layout: TokenLayout, positions: tuple[int, ...]
) -> Float[np.ndarray, "patch"]:
    """The same, with what coarser views of the picture (a thumbnail beside tiles) score where these patches are: every
    coarse patch gives each of them the share of its score that they have of its area."""
    scores = explanation.scores.double().numpy()
    gathered = patch_scores(explanation, positions)
    for image in range(len(layout.image_sizes)):
        fine = {p: view.patch_box(i) for view in finest_views(layout, image) for i, p in enumerate(view.positions)}
        rows = [row for row, position in enumerate(positions) if position in fine]
        boxes = np.array([fine[positions[row]] for row in rows]).reshape(-1, 4)
        for view in layout.views:
            if view.image == image and view.positions[0] not in fine:
                gathered[rows] += _overlaps(boxes, view) @ np.nan_to_num(scores[list(view.positions)])
    return gathered


def _overlaps(boxes: Float[np.ndarray, "patch 4"], view: PatchView) -> Float[np.ndarray, "patch coarse"]:
    """The share of each patch of a view that lies in each box."""
    coarse = np.array([view.patch_box(index) for index in range(len(view.positions))])
    sides = np.minimum(boxes[:, None, 2:], coarse[None, :, 2:]) - np.maximum(boxes[:, None, :2], coarse[None, :, :2])
    shares: Float[np.ndarray, "patch coarse"] = sides.clip(min=0).prod(-1) / (coarse[:, 2:] - coarse[:, :2]).prod(-1)
    return shares


def falling(scores: Float[np.ndarray, "patch"], rng: np.random.Generator) -> Int[np.ndarray, "patch"]:
    """The patches from the highest score to the lowest. Equal scores stand in a random order, for any rule would
    favour some part of the picture; patches that were not looked at (NaN) come last."""
    shuffled = rng.permutation(len(scores))
    known = np.where(np.isnan(scores), -np.inf, scores)
    order: Int[np.ndarray, "patch"] = shuffled[np.argsort(-known[shuffled], kind="stable")]
    return order


def tops(patches: int, steps: int) -> tuple[int, ...]:
    """How many patches the points of a curve take: none, all, `steps` equal steps between, and those of `ERASED`."""
    return tuple(sorted({round(patches * k / steps) for k in range(steps + 1)} | {top(patches, s) for s in ERASED}))


def shares_of(steps: int) -> tuple[float, ...]:
    """The shares of the patches at the points of a curve, where there are patches enough for each."""
    return tuple(sorted({round(k / steps, 12) for k in range(steps + 1)} | set(ERASED)))


def top(patches: int, share: float) -> int:
    """How many patches are a share of them: the nearest number, and at least one."""
    return max(1, round(share * patches))


def generator(answer: Answer, seed: int, draw: int = 0) -> np.random.Generator:
    """Chance that is the same for the same question, seed and draw."""
    return np.random.default_rng([seed, draw, int(answer.question.fingerprint()[:16], 16)])
