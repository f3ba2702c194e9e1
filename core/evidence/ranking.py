"""From a map to an order of patches."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from core.answer import Answer, Explanation, TokenLayout
from core.masking import patch_coverage

ERASED = (0.05, 0.1, 0.2, 0.5)
"""The shares of patches at which comprehensiveness and sufficiency are measured: those of DeYoung et al. 2020, less
their 1 %, which is no whole patch of a small picture."""


def places(layout: TokenLayout) -> tuple[int, ...]:
    """The positions of the image tokens that stand for at least one pixel: what can be hidden.

    Where a family sees a picture in several views, a pixel belongs to several of them.
    """
    found: list[int] = []
    for image, (width, height) in enumerate(layout.image_sizes):
        found += patch_coverage(np.zeros((height, width), dtype=bool), layout, image)
    return tuple(sorted(found))


def patch_scores(explanation: Explanation, positions: tuple[int, ...]) -> Float[np.ndarray, "patch"]:
    """The map's scores of these positions, in float64."""
    scores: Float[np.ndarray, "patch"] = explanation.scores.double().numpy()[list(positions)]
    return scores


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


def top(patches: int, share: float) -> int:
    """How many patches are a share of them: the nearest number, and at least one."""
    return max(1, round(share * patches))


def generator(answer: Answer, seed: int, draw: int = 0) -> np.random.Generator:
    """Chance that is the same for the same question, seed and draw."""
    return np.random.default_rng([seed, draw, int(answer.question.fingerprint()[:16], 16)])
