"""Does the embedded model answer? It is loaded as any model is, and asked what it is known to answer rightly."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .privacy import told

SCENE, QUESTION, RIGHT = 27, "What color is the house?", "The house is orange."


@dataclass(frozen=True)
class Trial:
    """What came of it; seconds are None where it did not come so far, and `trouble` says why."""

    loading: float | None = None
    answering: float | None = None
    answer: str | None = None
    device: str | None = None
    trouble: str | None = None

    @property
    def right(self) -> bool:
        return self.answer == RIGHT


def tried() -> Trial:
    """Load the embedded model and ask it about a drawn scene."""
    trial = Trial()
    try:
        from ..answer import Question
        from ..street.draw import draw
        from ..street.scene import sample
        from ..vlm.generation import ask
        from ..vlm.loading import EMBEDDED, load_model

        began = time.perf_counter()
        model = load_model(EMBEDDED)
        loading = time.perf_counter() - began
        trial = Trial(loading, device=f"{model.card.dtype} on {model.card.device}")
        answer = ask(model, Question(QUESTION, (draw(sample(SCENE)).image,)))
        return Trial(loading, answer.seconds, answer.text, trial.device)
    except Exception as error:  # whatever it is, it is what the report is about
        return Trial(trial.loading, device=trial.device, trouble=told(error))
