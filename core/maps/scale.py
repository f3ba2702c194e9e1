"""Maps of different methods on one scale: as shares, for their scores have no common unit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def as_shares(scores: Float[np.ndarray, "place"]) -> Float[np.ndarray, "place"]:
    """Scores as shares of the map's absolute sum; a map of zeros stays one. NaN stays NaN."""
    whole = float(np.nansum(np.abs(scores)))
    return scores / whole if whole > 0 else scores
