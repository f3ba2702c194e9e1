"""Log-probability of the word."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..look import Look
from ..signal import Signal


class LogProbability(Signal):
    """The log-probability that the model gave the word, in nats, mean over its tokens: the baseline of Hendrycks and
    Gimpel 2017, "A baseline for detecting misclassified and out-of-distribution examples". Every other signal is held
    beside it.
    """

    key = "logprob"
    name = "Log-probability"
    doubtful = "lower"
    paper = "Hendrycks and Gimpel 2017, arXiv 1610.02136"
    unit = "nats"
    needs = "nothing"
    caveat = "A word can be improbable because there are other ways of saying the same, and a wrong one sure of itself."

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        return np.array([look.answer.tokens[token].logprob for token in look.tokens])
