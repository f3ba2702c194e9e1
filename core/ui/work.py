"""Work on the model that the page can stop.

The model works in a thread of its own while the page's thread looks in ten times a second: whatever
stops or reruns the page (Stop, another click, a closed tab) then stops the work as well, even in the
middle of a long forward pass, whose result is simply not waited for. One piece of work at a time holds
the model; the others wait and say for whom. Only what is new is sent to the browser: drawing takes the
processor from the model.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.model import VisionLanguageModel

LOOK_IN = 0.1
"""Seconds between two looks at the work; each look is a chance for the page to be stopped."""
PARTING = 0.4
"""Seconds that stopped work is given to hand over what it has."""

T = TypeVar("T")


@dataclass(frozen=True)
class Holder:
    purpose: str
    since: float
    owner: str | None


_holders: weakref.WeakKeyDictionary[VisionLanguageModel, Holder] = weakref.WeakKeyDictionary()


def run_on_model(
    model: VisionLanguageModel,
    purpose: str,
    work: Callable[[CancelToken, Callable[[str], None]], T],
    status: DeltaGenerator,
    show: Callable[[str], None] = lambda piece: None,
) -> T:
    """Do `work(cancel, say)` while nobody else uses the model; what it says is handed to `show` in this thread.

    `status` is a placeholder that tells what is waited for. Raises what the work raises.
    """
    cancel = CancelToken()
    said: SimpleQueue[str] = SimpleQueue()
    outcome: Future[T] = Future()
    owner = _this_tab()
    started = threading.Event()

    def body() -> None:
        try:
            while not model.lock.acquire(timeout=LOOK_IN):
                cancel.check()
            try:
                cancel.check()
                _holders[model] = Holder(purpose, time.monotonic(), owner)
                started.set()
                outcome.set_result(work(cancel, said.put))
            finally:
                _holders.pop(model, None)
                model.lock.release()
        except BaseException as error:  # it is raised again where the outcome is read
            outcome.set_exception(error)

    threading.Thread(target=body, name=f"model: {purpose}", daemon=True).start()
    told = ""
    try:
        while not outcome.done():
            may_stop_here()
            _say_all(said, show)
            if (news := _status(model, purpose, started.is_set(), owner)) != told:
                status.caption(told := news)
            wait([outcome], LOOK_IN)
        _say_all(said, show)
        status.empty()
        return outcome.result()
    except BaseException:
        cancel.cancel()
        with suppress(FutureTimeout, Cancelled):
            outcome.exception(timeout=PARTING)
        raise


def may_stop_here() -> None:
    """Let Streamlit end this run where the page was stopped or rerun: it does so at any use of the session."""
    _ = "workspace" in st.session_state


def _say_all(said: SimpleQueue[str], show: Callable[[str], None]) -> None:
    pieces = []
    while True:
        try:
            pieces.append(said.get_nowait())
        except Empty:
            break
    if pieces:
        show("".join(pieces))


def _this_tab() -> str | None:
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else None


def _status(model: VisionLanguageModel, purpose: str, started: bool, owner: str | None) -> str:
    holder = _holders.get(model)
    if started or holder is None:
        return f":material/progress_activity: {purpose.capitalize()} …"
    seconds = time.monotonic() - holder.since
    if owner is not None and holder.owner == owner:
        return ":material/hourglass_top: Waiting: a step that was stopped is just ending."
    return (
        f":material/hourglass_top: Waiting: another tab is {holder.purpose} ({seconds:.0f} s so far). "
        "This one starts by itself when it is done."
    )
