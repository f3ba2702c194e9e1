"""How far apart the most attended patches are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from ...answer import Answer, PatchView
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import NOTHING, Passes
from .._rows import rows_bytes, rows_kept
from ..look import Look, middle
from ..signal import Signal

FIRST, END = 0.25, 0.75
TOP = 0.10
"""The share of patches that count as the foreground."""
LEAST = 3
"""Patches that hang together; smaller groups are taken for attention sinks."""


class Spread(Signal):
    """How spread out attention to the picture is where the word is predicted: the attention dispersion score (ADS) of
    Nguyen et al. 2026, "Beyond the global scores". Of the tenth of patches with the most attention those that hang
    together (8 neighbours, 3 patches or more) are the foreground; the score is the attention that is not on them, times
    the entropy of the other nine tenths over that of an even spread, the mean over the middle half of the layers.

    Each layer's map is the mean over heads, less its least value, made to sum to one, as in the paper's published code.
    Where a picture has several rasters of image tokens, patches hang together within each, which the paper does not
    treat.
    """

    key = "spread"
    name = "Spread of the attended patches (ADS)"
    doubtful = "higher"
    paper = "Nguyen et al. 2026, arXiv 2604.04863"
    needs = "places"
    caveat = "A word about the whole scene is rightly read off many places, and a sink of three patches passes for one."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return NOTHING if rows_kept(answer) else Passes(forward=1)

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return rows_bytes(model, answer, tokens)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        views = look.answer.layout.views
        layers = look.attending(middle(look.model.card.layers, FIRST, END))
        placed = [list(view.positions) for view in views]
        maps = [look.heads_mean[layers][:, :, positions] for positions in placed]
        scores = [
            [dispersion([one[layer, token] for one in maps], views) for token in range(len(look.tokens))]
            for layer in range(len(layers))
        ]
        mean: Float[np.ndarray, "token"] = np.mean(scores, axis=0)
        return mean


def dispersion(attention: list[Float[np.ndarray, "patch"]], views: tuple[PatchView, ...]) -> float:
    """The attention dispersion score of one map, given for each view."""
    whole = np.concatenate(attention)
    patches = len(whole)
    whole = whole - whole.min()
    if whole.sum() <= 0:
        return 1.0
    whole = whole / whole.sum()
    front = np.zeros(patches, dtype=bool)
    front[np.argsort(-whole, kind="stable")[: max(1, round(TOP * patches))]] = True
    behind = whole[~front]
    entropy = 0.0
    if len(behind) > 1 and behind.sum() > 0:
        shares = behind / behind.sum()
        shares = shares[shares > 0]
        entropy = float(-(shares * np.log(shares)).sum() / np.log(patches))
    mass, start = 0.0, 0
    for view in views:
        cells = slice(start, start + view.rows * view.columns)
        labels, groups = ndimage.label(front[cells].reshape(view.rows, view.columns), np.ones((3, 3)))
        inside = labels.ravel()
        for group in range(1, groups + 1):
            if (inside == group).sum() >= LEAST:
                mass += float(whole[cells][inside == group].sum())
        start = cells.stop
    return (1.0 - mass) * entropy
