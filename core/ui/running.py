"""Long work of a page: done once, with a bar and a Stop button, and not tried again by itself after a stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import NoReturn, Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.ui.errands import Errands
from core.ui.work import run_on_model
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.model import VisionLanguageModel
from core.vlm.units import ExplainError

log = logging.getLogger(__name__)

Work = Callable[[CancelToken, Callable[[float], None]], None]
STOPPED = "You stopped this."
MOMENT = 0.35
"""Seconds that need no bar: a result that is there sooner just takes the former one's place."""


class Unfinished(Protocol):
    """What a page remembers of its work: `stopped` says of what was stopped or failed, by its key, what happened."""

    stopped: dict[Hashable, str]
    errands: Errands


def compute(
    view: Unfinished, model: VisionLanguageModel, key: Hashable, purpose: str, name: str, work: Work
) -> NoReturn:
    """Have the page do `work(cancel, report)`, which keeps what it finds itself, also the part before a stop, and run
    again. What went wrong is kept under `key` as a sentence."""
    view.stopped.pop(key, None)
    view.errands.leave(partial(_compute, view, model, key, purpose, name, work))


def _compute(view: Unfinished, model: VisionLanguageModel, key: Hashable, purpose: str, name: str, work: Work) -> None:
    place = st.empty()

    def stopped() -> None:
        view.stopped[key] = STOPPED

    trouble = watched(model, purpose, work, place, f"stop_{name}", on_stop=stopped)
    if trouble is not None:
        view.stopped[key] = trouble


def obstacle(view: Unfinished, key: Hashable, name: str) -> bool:
    """Whether this was stopped or failed before: then it has been said, with a button to try again."""
    if key not in view.stopped:
        return False
    st.text(view.stopped[key])
    st.button("Compute it", key=f"again_{name}", on_click=partial(forget, view, key))
    return True


def forget(view: Unfinished, key: Hashable) -> None:
    """Try again what was stopped or failed."""
    view.stopped.pop(key, None)


def watched(
    model: VisionLanguageModel,
    purpose: str,
    work: Work,
    place: DeltaGenerator,
    key: str,
    on_stop: Callable[[], None] = lambda: None,
) -> str | None:
    """Do `work(cancel, report)` while `place` says so; what lasts longer than a moment gets a bar and a Stop button.
    Returns what went wrong, as a sentence; None when nothing did."""
    with place.container():
        status, controls = st.empty(), st.empty()
    bar: list[DeltaGenerator] = []

    def show(said: str) -> None:
        done = min(1.0, float(said.split()[-1]))
        if not bar and time.monotonic() - began > MOMENT:
            with controls.container():
                bar.append(st.progress(done))
                st.button("Stop", icon=":material/stop_circle:", key=key, on_click=on_stop)
        elif bar:
            bar[0].progress(done)

    def timed(cancel: CancelToken, say: Callable[[str], None]) -> None:
        # The first step may take long, and it must be possible to stop then, too.
        reminder = threading.Timer(MOMENT + 0.05, say, (" 0.0",))
        reminder.daemon = True
        reminder.start()
        try:
            work(cancel, lambda done: say(f" {done:.3f}"))
        finally:
            reminder.cancel()

    began = time.monotonic()
    try:
        run_on_model(model, purpose, timed, status, show)
    except (ExplainError, ValueError) as error:
        return str(error)
    except Cancelled:
        return STOPPED
    except MemoryError:
        return "The memory ran out on the way. Explain fewer tokens at once, or use a smaller picture or model."
    except Exception as error:
        log.exception("%s failed", purpose)
        return (
            f"The model could not do this ({type(error).__name__}). Nothing else was lost. Try another method or "
            "setting; the terminal has the details."
        )
    finally:
        place.empty()
    return None
