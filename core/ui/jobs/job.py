"""Work on the model that the page can stop.

The model works in a thread of its own while the page's thread looks in ten times a second: whatever
stops or reruns the page (Stop, another click, a closed tab) then stops the work as well, even in the
middle of a long forward pass, whose result is simply not waited for. One piece of work at a time has
the model; the others wait and say for whom, and long work gives way to them between its passes
(`core.vlm.turns`). Only what is new is sent to the browser: drawing takes the processor from the model.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...counted import counted
from ...vlm.batch_size import once_more
from ...vlm.cancel import Cancelled, CancelToken, between_steps
from ...vlm.memory import give_back_idle
from ...vlm.model import VisionLanguageModel
from ...vlm.turns import Turn

LOOK_IN = 0.1
"""Seconds between two looks at the work; each look is a chance for the page to be stopped."""
PARTING = 0.4
"""Seconds that stopped work is given to hand over what it has."""

T = TypeVar("T")


class Job(Generic[T]):
    """`work(cancel, say)`, begun at once in a thread of its own, which waits for its turn with the model.

    A page that watches it and is stopped or rerun stops the work as well; so does forgetting the job. Work that takes
    long lets what others ask go first between its passes, unless it is to be done as a `whole`.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        purpose: str,
        work: Callable[[CancelToken, Callable[[str], None]], T],
        *,
        whole: bool = False,
    ) -> None:
        self.purpose = purpose
        self._model = model
        self._cancel = CancelToken()
        self._said: SimpleQueue[str] = SimpleQueue()
        self._outcome: Future[T] = Future()
        self._turn = Turn(purpose, _this_tab(), whole)
        self._started = threading.Event()
        weakref.finalize(self, self._cancel.cancel)
        # The thread must not hold the job itself, or else it could not be forgotten.
        body = (model, self._turn, work, self._cancel, self._said, self._started, self._outcome)
        threading.Thread(target=_body, args=body, name=f"model: {purpose}", daemon=True).start()

    def ends_within(self, seconds: float) -> bool:
        """Whether the work has ended, with or without success, when so many seconds have passed."""
        return self._wait(lambda: None, time.monotonic() + seconds)

    def watch(self, status: DeltaGenerator, hear: Callable[[str], None] = lambda piece: None) -> T:
        """Wait for the end of the work; what it says is handed to `hear` in this thread.

        `status` is a placeholder that tells what is waited for. Raises what the work raises.
        """
        told = ""

        def look() -> None:
            nonlocal told
            _tell_all(self._said, hear)
            if (news := _status(self._model, self._turn, self._started.is_set())) != told:
                status.caption(told := news)

        self._wait(look)
        _tell_all(self._said, hear)
        status.empty()
        return self.result()

    def wait(self) -> T:
        """Wait for the end of the work, and say nothing of it. Raises what the work raises."""
        self._wait(lambda: None)
        return self.result()

    def result(self) -> T:
        """What came of work that has ended. Raises what the work raises."""
        return self._outcome.result()

    def stop(self) -> None:
        """Stop the work, and give it a moment to hand over what it has."""
        self._cancel.cancel()
        with suppress(FutureTimeout, Cancelled):
            self._outcome.exception(timeout=PARTING)

    def _wait(self, look: Callable[[], None], until: float = math.inf) -> bool:
        try:
            while not self._outcome.done():
                may_stop_here()
                look()
                left = until - time.monotonic()
                if left <= 0:
                    return False
                wait([self._outcome], min(LOOK_IN, left))
            return True
        except BaseException:
            self.stop()
            raise


def _body(
    model: VisionLanguageModel,
    turn: Turn,
    work: Callable[[CancelToken, Callable[[str], None]], T],
    cancel: CancelToken,
    said: SimpleQueue[str],
    started: threading.Event,
    outcome: Future[T],
) -> None:
    try:
        with model.lock.taken(turn, cancel.check):
            try:
                cancel.check()
                started.set()
                with between_steps(lambda: model.lock.give_way(cancel.check_only)):
                    outcome.set_result(_done(model, turn.purpose, work, cancel, said.put))
            finally:
                give_back_idle()
    except BaseException as error:  # it is raised again where the outcome is read
        outcome.set_exception(error)


def _done(
    model: VisionLanguageModel,
    purpose: str,
    work: Callable[[CancelToken, Callable[[str], None]], T],
    cancel: CancelToken,
    say: Callable[[str], None],
) -> T:
    """What comes of the work, done once more in smaller steps where memory runs out before it has said anything."""
    spoken = False

    def heard(piece: str) -> None:
        nonlocal spoken
        spoken = True
        say(piece)

    def again() -> T:
        if spoken:
            raise MemoryError
        return work(cancel, heard)

    return once_more(purpose, model, again)


def may_stop_here() -> None:
    """Let Streamlit end this run where the page was stopped or rerun: it does so at any use of the session."""
    _ = "workspace" in st.session_state


def _tell_all(said: SimpleQueue[str], hear: Callable[[str], None]) -> None:
    pieces = []
    while True:
        try:
            pieces.append(said.get_nowait())
        except Empty:
            break
    if pieces:
        hear("".join(pieces))


def _this_tab() -> str | None:
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else None


def _status(model: VisionLanguageModel, turn: Turn, started: bool) -> str:
    holder, before = model.lock.before(turn)
    if holder is None or holder is turn:
        return f":material/progress_activity: {turn.purpose.capitalize()} …"
    if started:
        return (
            f":material/hourglass_top: {turn.purpose.capitalize()} goes on when another tab is done {holder.purpose}."
        )
    if turn.owner is not None and holder.owner == turn.owner:
        return ":material/hourglass_top: Waiting: a step that was stopped is just ending."
    seconds = time.monotonic() - holder.since
    place = f", and {counted(before, 'other')} before this one" if before else ""
    return (
        f":material/hourglass_top: Waiting: another tab is {holder.purpose} ({seconds:.0f} s so far){place}. "
        "This one starts by itself, and goes before what takes long."
    )
