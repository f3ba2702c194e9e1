"""Asking otherwise and reading the same answer: other words, other pictures, or both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..answer import Answer, Question
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from .prediction import Prediction, predict
from .until import until_targets


def predictions_of(
    model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], questions: Iterable[Question]
) -> Iterator[Prediction]:
    """What the model predicts in the places of some tokens of an answer when it is asked each question instead, the
    answer's own words forced; one by one, as they are drawn from. Questions about the same pictures in succession read
    these once.

    Raises OtherModel, NotApplicable for a target outside the vocabulary, and what `model.prepare` raises.
    """
    forced = until_targets(model, answer, token_targets).token_ids
    for question in questions:
        (logits,) = model.continuation_logits([model.prepare(question)], [forced])
        yield predict(logits, token_targets)
