"""From one head's attention rows to the correlations that a causal graph is learned from.

The attention matrix A of a head is read as the effects of a structural model of its tokens, so that A A^T is their
covariance (Rohekar, Gurwicz & Nisimov 2023, section 4.1): two tokens are related as far as they look at the same
places. It is not centred, and it is taken over all keys, not only those of the chosen nodes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..errors import CausalError

SINK_SHARE = 0.3
"""A key is a sink when it gets at least this share of an average row."""
LEAST_EIGENVALUE = 1e-6
"""Partial correlations of a matrix closer to singular than this are made of rounding errors."""


def sink(rows: Float[np.ndarray, "node key"]) -> int | None:
    """The key that gets most attention of an average row, if that is `SINK_SHARE` or more; otherwise None."""
    shares = np.asarray(rows, float).mean(0)
    total = shares.sum()
    most = int(shares.argmax())
    return most if total > 0 and shares[most] >= SINK_SHARE * total else None


def row_correlation(
    rows: Float[np.ndarray, "node key"], leave_out: int | None = None
) -> Float[np.ndarray, "node node"]:
    """D^-1/2 (A A^T) D^-1/2 in float64, where D is the diagonal of A A^T.

    `leave_out` is a key whose column is not counted. A row of nothing but zeros correlates with nothing.
    Raises CausalError for rows that are not finite.
    """
    exact = np.array(rows, np.float64)
    if exact.ndim != 2 or not np.isfinite(exact).all():
        raise CausalError("This head's attention is not finite everywhere. Load the model in float32 or bfloat16.")
    if leave_out is not None:
        exact = np.delete(exact, leave_out, axis=1)
    length = np.sqrt((exact * exact).sum(1, keepdims=True))
    unit = np.divide(exact, length, out=np.zeros_like(exact), where=length > 0)
    correlation = np.clip(unit @ unit.T, -1, 1)
    correlation = (correlation + correlation.T) / 2
    np.fill_diagonal(correlation, 1)
    return correlation


def regularised(
    correlation: Float[np.ndarray, "node node"], ridge: float | None = None
) -> tuple[Float[np.ndarray, "node node"], float]:
    """The correlations with a ridge on the diagonal, scaled back to ones, and the ridge.

    None adds nothing unless the matrix is nearly singular (tokens that look at just the same places, as where a sink
    takes nearly everything), and then just enough to lift the least eigenvalue to `LEAST_EIGENVALUE`.
    """
    if ridge is None:
        least = float(np.linalg.eigvalsh(correlation)[0]) if len(correlation) else 1.0
        ridge = max(0.0, (LEAST_EIGENVALUE - least) / (1 - LEAST_EIGENVALUE))
    if ridge == 0:
        return correlation, 0.0
    result = correlation / (1 + ridge)
    np.fill_diagonal(result, 1)
    return result, ridge
