"""Which moment of a video a map lies on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..geometry.moments import Moment


def moment_shares(scores: Float[np.ndarray, "position"], moments: Sequence[Moment]) -> Float[np.ndarray, "moment"]:
    """Each moment's share of the positive score that a map gives to all of them; NaN where there is none. Positions
    that were not looked at count nowhere."""
    supports = np.array([np.nansum(scores[list(moment.positions)].clip(min=0)) for moment in moments], dtype=float)
    whole = supports.sum()
    shares: Float[np.ndarray, "moment"] = supports / whole if whole > 0 else np.full(len(moments), np.nan)
    return shares
