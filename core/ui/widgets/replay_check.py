"""Whether a loaded model says the same again, replayed and in another order, measured once for each model and told
where it does not; and in half precision, for each answer, from which token on rounding may have decided what it is.

Explanations are replays, so a warning belongs on every page that explains. The check is begun when such a page has
been drawn for the first time and takes turns with other work on the model, so that nobody waits for it. It has a thread
of its own rather than a job: it belongs to the model and not to a tab, goes on whoever leaves a page, and takes the
model's lock pass by pass.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from streamlit.delta_generator import DeltaGenerator

from ...answer import Answer
from ...vlm.model import VisionLanguageModel
from ...vlm.parting import parting, parts_here
from ...vlm.replay import SelfCheck, checked
from ..jobs.job import LOOK_IN, may_stop_here
from .chips import escaped

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that a page lasts longer for the outcome; where it takes more, the next page tells it."""

T = TypeVar("T")

_checks: WeakKeyDictionary[VisionLanguageModel, Future[SelfCheck]] = WeakKeyDictionary()
_partings: WeakKeyDictionary[Answer, Future[str | None]] = WeakKeyDictionary()
_lock = threading.Lock()


def begin(model: VisionLanguageModel) -> Future[SelfCheck]:
    """The check of a model, begun in a thread of its own unless it was before."""
    with _lock:
        if model not in _checks:
            _checks[model] = _begun(lambda: checked(model))
        return _checks[model]


def begin_parting(model: VisionLanguageModel, answer: Answer) -> Future[str | None]:
    """From which token on an answer of this model might have been another, as a sentence: the same."""

    def sentence() -> str | None:
        try:
            parts = parting(model, answer)
        except Exception:
            log.exception("an answer could not be replayed")
            return None
        return parts.sentence(answer) if parts is not None else None

    with _lock:
        if answer not in _partings:
            _partings[answer] = _begun(sentence)
        return _partings[answer]


def _begun(work: Callable[[], T]) -> Future[T]:
    outcome: Future[T] = Future()
    threading.Thread(target=lambda: outcome.set_result(work()), name="replay check", daemon=True).start()
    return outcome


def warn(model: VisionLanguageModel, answer: Answer | None, place: DeltaGenerator) -> None:
    """Say in `place` that the replay differs, of the model or of this answer, if that is known."""
    check, parts = _checks.get(model), _partings.get(answer) if answer is not None else None
    sentences = (
        [check.result().sentence] if check is not None and check.done() and not check.result().negligible else []
    )
    if parts is not None and parts.done() and (sentence := parts.result()) is not None:
        sentences.append(sentence)
    if sentences:
        place.warning(escaped(" ".join(sentences)), icon=":material/warning:")


def finish(model: VisionLanguageModel, answer: Answer | None, place: DeltaGenerator) -> None:
    """Check the model, and this answer of it, and say in `place` what is wrong. To be called when all else is drawn."""
    checks: list[Future[Any]] = [begin(model)]
    if answer is not None and answer.model == model.card.fingerprint and parts_here(model):
        checks.append(begin_parting(model, answer))
    began = time.monotonic()
    while not all(check.done() for check in checks) and time.monotonic() - began < PATIENCE:
        may_stop_here()
        wait(checks, LOOK_IN)
    warn(model, answer, place)
