"""Compute maps that are not there yet, with a bar and a Stop button where it takes a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.answer import Answer, Target
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.ui.relevancy.results import Order, Results
from core.ui.work import run_on_model
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.model import VisionLanguageModel
from core.vlm.units import ExplainError

log = logging.getLogger(__name__)

STOPPED = "You stopped this."
MOMENT = 0.35
"""Seconds that need no bar: a map that is there sooner just takes the former one's place."""


def compute(
    results: Results,
    model: VisionLanguageModel,
    answer: Answer,
    targets: Sequence[Target],
    order: Order,
    place: DeltaGenerator,
) -> None:
    """One run of a method for some targets. What it gives is kept, also the part that was done before a stop; what
    goes wrong is kept as a sentence, so that it is not tried again until somebody asks."""
    explainer = explainers()[order.method]

    def wait(why: str) -> None:
        for target in targets:
            results.wait(answer, target, order, why)

    def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
        # Kept by the working thread itself, so that what a stop leaves arrives even when the page is gone.
        maps = explain(explainer, model, answer, targets, order.settings, cancel=cancel, progress=report)
        results.keep(answer, order, maps)

    key = f"stop_{order.method}_{targets[0].tokens[0]}_{len(targets)}"
    trouble = watched(model, f"computing {explainer.name}", work, place, key, on_stop=lambda: wait(STOPPED))
    if trouble is not None:
        wait(trouble)


def watched(
    model: VisionLanguageModel,
    purpose: str,
    work: Callable[[CancelToken, Callable[[float], None]], None],
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
