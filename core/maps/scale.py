"""What the colours of several maps mean: each map on its own scale, or all on one.

Scores of different methods have different units, so a common scale is one of shares: each score divided by the sum
of its map's absolute scores over the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def as_shares(scores: Float[np.ndarray, "place"]) -> Float[np.ndarray, "place"]:
    """Scores as shares of the map's absolute sum; a map of zeros stays one."""
    whole = float(np.nansum(np.abs(scores)))
    return scores / whole if whole > 0 else scores


def limit(maps: Sequence[Float[np.ndarray, "place"]]) -> float:
    """The largest absolute score of all maps, at which the colours end; 1 where there is none above 0."""
    found = [float(np.nanmax(np.abs(scores), initial=0.0)) for scores in maps if not np.isnan(scores).all()]
    return max(found, default=0.0) or 1.0
