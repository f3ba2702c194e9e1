"""An answer that was opened, and the models there are: its own, another one, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ..answer import Answer
from ..errors import NeedsItsModel, OtherModel
from ..vlm.model import VisionLanguageModel
from .codec.answers import Unprepared

Standing = Literal["its own", "another", "none"]
"""Whether the model at hand is the one that gave an answer."""


def standing(answer: Answer, model: VisionLanguageModel | None) -> Standing:
    """How an answer stands to the model that is loaded, if any."""
    if model is None:
        return "none"
    return "its own" if model.card.fingerprint == answer.model else "another"


def revived(answer: Answer, model: VisionLanguageModel | None) -> Answer:
    """The answer with its model's inputs again, as if it had just been given: everything can be computed about it. The
    answer itself where it has them.

    The question is prepared anew from its pictures and texts, and must read as the same tokens. Raises NeedsItsModel
    without a model and where it reads otherwise, OtherModel where another one is loaded.
    """
    if not isinstance(answer.inputs, Unprepared):
        return answer
    match standing(answer, model):
        case "none":
            raise NeedsItsModel(answer.inputs.sentence)
        case "another":
            assert model is not None
            raise OtherModel(f"{answer.inputs.sentence} {model.card.name} is another one.")
    assert model is not None
    prepared = model.prepare(answer.question)
    if prepared.ids != answer.inputs.ids or prepared.prompt_tokens != answer.prompt_tokens:
        raise NeedsItsModel(
            "The model now reads this question as other tokens than when it answered: its processor or a package has "
            "changed. What was computed is shown; ask the question again to compute more."
        )
    return replace(answer, inputs=prepared.inputs)
