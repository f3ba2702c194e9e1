"""Whether a loaded model says the same again, replayed and in another order, measured once for each model and told
where it does not.

Explanations are replays, so a warning belongs on every page that explains. The check is begun when such a page has
been drawn for the first time and takes turns with other work on the model, so that nobody waits for it. It has a thread
of its own rather than a job: it belongs to the model and not to a tab, goes on whoever leaves a page, and takes the
model's lock pass by pass.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from weakref import WeakKeyDictionary

from streamlit.delta_generator import DeltaGenerator

from ...vlm.model import VisionLanguageModel
from ...vlm.replay import SelfCheck, checked
from ..jobs.job import LOOK_IN, may_stop_here
from .chips import escaped

PATIENCE = 1.0
"""Seconds that a page lasts longer for the outcome; where it takes more, the next page tells it."""

_checks: WeakKeyDictionary[VisionLanguageModel, Future[SelfCheck]] = WeakKeyDictionary()
_lock = threading.Lock()


def begin(model: VisionLanguageModel) -> Future[SelfCheck]:
    """The check of a model, begun in a thread of its own unless it was before."""
    with _lock:
        if model not in _checks:
            _checks[model] = Future()
            outcome = _checks[model]
            begun = threading.Thread(
                target=lambda: outcome.set_result(checked(model)), name="replay check", daemon=True
            )
            begun.start()
        return _checks[model]


def warn(model: VisionLanguageModel, place: DeltaGenerator) -> None:
    """Say in `place` that the replay differs, if that has been found."""
    check = _checks.get(model)
    if check is not None and check.done() and not check.result().negligible:
        place.warning(escaped(check.result().sentence), icon=":material/warning:")


def finish(model: VisionLanguageModel, place: DeltaGenerator) -> None:
    """Check the model, and say in `place` what is wrong. To be called when all else is drawn."""
    check = begin(model)
    began = time.monotonic()
    while not check.done() and time.monotonic() - began < PATIENCE:
        may_stop_here()
        wait([check], LOOK_IN)
    warn(model, place)
