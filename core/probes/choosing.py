"""The best of several layers, told without choosing it by what it is told of."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int


def halves(pictures: Int[np.ndarray, "case"], seed: int = 0) -> Bool[np.ndarray, "case"]:
    """Half of the pictures, drawn at random: true for the cases of one half."""
    every, of = np.unique(pictures, return_inverse=True)
    chosen = np.zeros(len(every), bool)
    chosen[np.random.default_rng(seed).permutation(len(every))[: len(every) // 2]] = True
    return chosen[of]


def best_layers(
    hits: Float[np.ndarray, "layer case"], half: Bool[np.ndarray, "case"]
) -> tuple[Float[np.ndarray, "case"], tuple[int, int]]:
    """Whether each case is told right in the layer that tells most of the *other* half right, and these two layers: the
    one chosen for the cases of `half`, and the one for the rest."""
    of_half, of_rest = (int(hits[:, side].mean(1).argmax()) for side in (~half, half))
    return np.where(half, hits[of_half], hits[of_rest]), (of_half, of_rest)
