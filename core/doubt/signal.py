"""What a signal of doubt is: a figure of each token of an answer that may tell wrong words from right ones.

A signal promises nothing. Which way it points is said by the paper that it comes from, and how well it tells wrong
words from right ones is measured (`figures.py`), for each model and each set of questions anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from ..answer import Answer, TokenKind
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes
from .look import Look

Need = Literal["nothing", "picture", "tokens", "places"]
"""What of a picture a signal cannot do without: that there is one, its image tokens, or also their places in it."""
Scale = Literal["linear", "log"]


class Signal(ABC):
    """One signal. The class docstring's first paragraph describes it on screen and names its paper.

    `key` names it in files and commands, `name` on screen; `doubtful` says which values speak for doubt; `unit` stands
    after a value; `scale` says how values are averaged over a word's tokens and combined: as they are, or by their
    logarithms. `caveat` is one line on what it cannot tell. `of_answer`: it says the same of every word of an answer.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    doubtful: ClassVar[Literal["higher", "lower"]]
    paper: ClassVar[str]
    caveat: ClassVar[str]
    unit: ClassVar[str] = ""
    scale: ClassVar[Scale] = "linear"
    needs: ClassVar[Need] = "tokens"
    of_answer: ClassVar[bool] = False

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        """Why this signal cannot be had of an answer, as a sentence that says what to do; None when it can. As it
        stands: what it `needs` and the answer lacks."""
        layout = answer.layout
        if self.needs != "nothing" and not answer.question.images:
            return f"{self.name} is about the picture, and this question has none. Ask about a picture."
        if self.needs in ("tokens", "places") and not layout.positions(TokenKind.IMAGE):
            why = layout.unplaced or "The pictures of this model are no tokens of the sequence"
            return f"{why}, and {self.name.lower()} is about image tokens. Choose a signal that needs none."
        if self.needs == "places" and not layout.views:
            why = layout.unplaced or f"Where image tokens of {model.card.family} models are in the picture is not known"
            return f"{why}, and {self.name.lower()} needs their places. Choose a signal that needs none."
        return None

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        """What it costs, in forward passes, where nothing is shared with another signal. As it stands nothing."""
        return NOTHING

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        """Bytes needed beside what is loaded, for so many tokens; an upper bound good to a factor of two."""
        return 0

    @abstractmethod
    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        """The figure of each of the look's tokens, in float64; NaN where it says nothing of one.

        Nothing may be left behind on the model, whatever is raised. Raises NotApplicable, Cancelled.
        """
