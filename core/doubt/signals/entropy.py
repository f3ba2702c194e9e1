"""Entropy of what could have been said."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..look import Look
from ..signal import Signal


class Entropy(Signal):
    """The entropy of the distribution that the word was drawn from, in nats, mean over its tokens (token entropy, as in
    Malinin and Gales 2021, "Uncertainty estimation in autoregressive structured prediction").
    """

    key = "entropy"
    name = "Entropy"
    doubtful = "higher"
    paper = "Malinin and Gales 2021, ICLR"
    unit = "nats"
    needs = "nothing"
    caveat = "Many words that mean the same make entropy high, too; it knows words and not meanings."

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        return np.array([look.answer.tokens[token].entropy for token in look.tokens])
