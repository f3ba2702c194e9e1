"""Pearson's correlation, of one pair of lists or of many."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def pearson(
    first: Float[np.ndarray, "*batch case"], second: Float[np.ndarray, "*batch case"]
) -> Float[np.ndarray, "*batch"]:
    """Pearson's linear correlation along the last axis (1 on a rising line, 0 unrelated, -1 on a falling one). NaN
    where either never varies."""
    one, other = first - first.mean(-1, keepdims=True), second - second.mean(-1, keepdims=True)
    scale = np.sqrt((one * one).sum(-1) * (other * other).sum(-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, (one * other).sum(-1) / scale, np.nan)
