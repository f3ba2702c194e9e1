"""How a map is tested over words and patches."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Fill
from ..settings import choice, number
from .question_words import ErasedWords


@dataclass(frozen=True)
class ModalitySettings:
    """How words and patches are erased, how finely curves are drawn, and the controls."""

    words: str = choice(
        "removed",
        "Words are",
        ("removed", "replaced"),
        help="Removed: the question is asked without them. Replaced: “...” stands for each. Neither is neutral: what "
        "is left may be no sentence.",
    )
    fill: str = choice("black", "Hidden patches become", ("black", "blur", "mean", "noise", "inpaint"))
    steps: int = number(8, "Steps", minimum=2, maximum=50, step=1, help="Points of a curve, equally far apart.")
    draws: int = number(
        3,
        "Random orders",
        minimum=1,
        maximum=50,
        step=1,
        help="Controls that know nothing, of the same words and patches.",
    )
    seed: int = number(0, "Seed", minimum=0, maximum=2**31 - 1, step=1)

    @property
    def erased_words(self) -> ErasedWords:
        """What becomes of erased words."""
        return self.words  # type: ignore[return-value]

    @property
    def patches_become(self) -> Fill:
        """What stands in the place of hidden patches."""
        return self.fill  # type: ignore[return-value]
