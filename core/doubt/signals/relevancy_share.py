"""How much of what the middle layers bring is relevancy of the picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...explainers.relevancy import relevancy_by_layer
from ...vlm.memory_costs import checkpoint_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ...vlm.targets import TokenTarget
from ..look import Look, middle
from ..signal import Signal
from .attention_share import END, FIRST


class RelevancyShare(Signal):
    """Of the relevancy that enters in the middle layers, the share that enters on the picture: the rule of Chefer et
    al. 2021, "Generic attention-model explainability", by layers, over the part of the depth in which Jiang et al.
    2025, "Devils in middle layers of large vision-language models", sum attention. No publication measures just this;
    the definition is this program's own.
    """

    key = "relevancy_share"
    name = "Relevancy of the picture in the middle layers"
    doubtful = "lower"
    paper = "Chefer et al. 2021, arXiv 2103.15679; layers of arXiv 2411.16724"
    caveat = "Relevancy follows what raised the word; a word that was raised by the wrong thing has as much of it."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return Passes(forward=2, backward=len(answer.tokens))

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return 2 * checkpoint_bytes(model, answer)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        targets = [TokenTarget(token, look.answer.tokens[token].id) for token in look.tokens]
        entered = relevancy_by_layer(look.model, look.answer, targets, look.cancel).double()
        layers = list(middle(look.model.card.layers, FIRST, END))
        brought = entered[:, layers].sum(1)
        whole = brought.sum(-1)
        share: Float[np.ndarray, "token"] = (brought[:, look.images].sum(-1) / whole).numpy()
        share[whole.numpy() == 0] = np.nan
        return share
