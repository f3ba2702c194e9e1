"""Whether any image token says the word."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer, TokenKind
from ...mechanisms.lens import lens_passes, read, reading_bytes
from ...vlm.memory_costs import checkpoint_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ..look import Look
from ..signal import Signal


class LensRank(Signal):
    """The best rank (1 is first) that the word has in the logit lens over all image tokens and layers; over a word's
    tokens the geometric mean. Jiang et al. 2025, "Interpreting and editing vision-language representations to mitigate
    hallucinations", take the highest probability there (internal confidence); the rank keeps apart what probabilities
    near zero do not.
    """

    key = "lens_rank"
    name = "Best rank over image tokens"
    doubtful = "higher"
    paper = "Jiang et al. 2025, arXiv 2410.02762"
    scale = "log"
    caveat = "What image tokens can say is nouns and colours, mostly: a yes or a number need not be written on any."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        images = len(answer.layout.positions(TokenKind.IMAGE))
        return lens_passes(model, answer, images * (model.card.layers + 1))

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        images = len(answer.layout.positions(TokenKind.IMAGE))
        return checkpoint_bytes(model, answer) + reading_bytes(model, images)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        said = [look.answer.tokens[token].id for token in look.tokens]
        best = np.full(len(said), np.inf)
        for layer in range(look.model.card.layers + 1):
            reading = read(look.model, look.states(layer)[look.images], top=1, words=said, cancel=look.cancel)
            best = np.minimum(best, reading.word_ranks.numpy().min(0))
        return best
