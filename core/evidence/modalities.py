"""Testing a map over both modalities: words of the question are erased as patches are, in the order of its scores.

Three tests: the words go with the picture whole, the patches with the question whole, and both in one order, as image
against text bars claim. Beside each stand random orders of the same things.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict

from ..answer import Answer, Explanation
from ..perturb.prediction import Prediction
from ..perturb.questions import predictions_of
from ..settings import checked
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.memory_costs import check_memory, picture_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import over_images
from ..vlm.targets import token_targets_of
from .erasable import Erasable, Erased
from .evaluate import check_testable
from .modality_result import DIRECTIONS, OVER, ModalityEvidence
from .modality_settings import ModalitySettings
from .question_words import question_words
from .ranking import places
from .synergy import Synergy


@stoppable
def evaluate_modalities(
    model: VisionLanguageModel,
    answer: Answer,
    explanation: Explanation,
    *,
    settings: ModalitySettings | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> ModalityEvidence:
    """Test a map over the question's words, over patches and over both, and tell what picture and words give together.

    A word scores the sum of its tokens' scores, as a part of a bar does. What the four corners are (both, picture
    alone, words alone, neither) is read first. Stopped by `cancel`, what was done is returned, or Cancelled raised if
    that is nothing. Raises OtherModel, NotApplicable, NotEnoughMemory, and SettingsError for settings out of range.
    """
    settings = checked(settings or ModalitySettings(), model.card.layers, model.card.heads)
    answer = explanation.about(answer)
    check_testable(model, answer)
    words, began = question_words(answer), time.perf_counter()
    check_memory("Testing a map", 2 * picture_pass_bytes(model, answer), model, "Use a smaller picture.")
    things = Erasable(answer, words, places(answer.layout), settings)
    own = things.orders(explanation)
    drawn = [things.drawn(draw, tuple(own)) for draw in range(settings.draws)]
    wanted = list(dict.fromkeys([*things.corners, *things.states([own, *drawn])]))
    targets = token_targets_of(answer, explanation.target)
    readings: dict[Erased, Prediction] = {}
    try:
        read = predictions_of(model, answer, targets, map(things.question, wanted))
        for state, prediction in zip(wanted, read, strict=True):
            readings[state] = prediction
            progress(len(readings) / len(wanted))
            if cancel is not None:
                cancel.check()
    except Cancelled:
        if not readings or cancel is None or not cancel.cancelled:
            raise
    corners = [readings[state].logprob if state in readings else math.nan for state in things.corners]
    return ModalityEvidence(
        target=explanation.target,
        method=explanation.method,
        words=tuple(word.text.strip() for word in words),
        patches=len(things.places),
        tested=things.curves(own, readings),
        random=tuple(things.curves(orders, readings) for orders in drawn),
        synergy=Synergy(*corners),
        settings=asdict(settings),
        seconds=time.perf_counter() - began,
        complete=len(readings) / len(wanted),
    )


def expected(model: VisionLanguageModel, answer: Answer, settings: ModalitySettings | None = None) -> Forecast:
    """How long that takes here at most: a whole pass for every question that is asked."""
    settings = settings or ModalitySettings()
    orders, curves = 1 + settings.draws, len(OVER) * len(DIRECTIONS)
    return forecast(model, answer, over_images(4 + orders * curves * (settings.steps - 1)))
