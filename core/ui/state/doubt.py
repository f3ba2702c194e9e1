"""What a tab knows of the doubt about an answer's words: signals that were measured, and the model's calibration."""

from __future__ import annotations

from collections.abc import Hashable

from ...answer import Answer
from ...doubt.calibration import Calibration
from ...doubt.content import content_words
from ...doubt.kept import Doubt
from ...doubt.kept_files import kept_doubt
from ...doubt.marks import Mark, marks_of
from ...doubt.measure import Measured, measure
from ...errors import SightlineError
from ...runs.kinds import DOUBT
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from .person import home
from .results import Kept, Kind, ResultCache, answer_key

MEASURED = Kind[Measured](100, run=Kept(DOUBT, about=lambda key: {"signals": list(key[2])}))
QUICK, FULL = "quick", "full"


def measured_key(answer: Answer, calibration: Calibration) -> Hashable:
    """Under what an answer's signals are kept."""
    return ("doubt", answer_key(answer), calibration.keys)


def known_doubt(model: VisionLanguageModel) -> tuple[Doubt, str] | None:
    """What is known of the model's doubt, and the command that gives it."""
    return kept_doubt(home(), model.card.fingerprint)


def measured_of(
    model: VisionLanguageModel, answer: Answer, calibration: Calibration, cancel: CancelToken | None = None
) -> Measured:
    """The signals of an answer's content words that a calibration needs, measured now. Raises OtherModel, Cancelled."""
    words = [word.tokens for word in content_words(answer)]
    return measure(model, answer, words, calibration.keys, cancel=cancel)


def best_marks(
    results: ResultCache, model: VisionLanguageModel, answer: Answer
) -> tuple[Calibration, tuple[Mark, ...]] | None:
    """The marks of an answer by all signals where these were measured, else by those that need no further pass, which
    are measured here and now. None where the model has no calibration or did not give the answer, and where a signal
    cannot be had."""
    known = known_doubt(model)
    if known is None or answer.model != model.card.fingerprint or not answer.tokens:
        return None
    for tier in (FULL, QUICK):
        calibration = known[0].tier(tier)
        if calibration is None:
            continue
        measured = results.get(MEASURED, measured_key(answer, calibration))
        if measured is None and tier == QUICK and _costs_nothing(answer):
            try:
                measured = measured_of(model, answer, calibration)
            except SightlineError:
                return None
            results.keep(MEASURED, measured_key(answer, calibration), measured)
        if measured is not None and (marks := marks_of(answer, measured, calibration)):
            return calibration, marks
    return None


def _costs_nothing(answer: Answer) -> bool:
    """Whether the attention that the quick signals need was recorded while the answer was written."""
    return answer.attention is not None and answer.attention.has(range(len(answer.tokens)))
