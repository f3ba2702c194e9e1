"""Work on a model from a page: one at a time, stoppable at once, and waiting in so many words."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from core.errors import NotEnoughMemory
from core.ui.jobs.job import LOOK_IN, PARTING, Job
from core.vlm.cancel import CancelToken
from core.vlm.turns import Turns


class Model:
    """All that a job needs of a model: its lock, and where it lies if memory runs out."""

    card = SimpleNamespace(device="cpu")

    def __init__(self) -> None:
        self.lock = Turns()

    def forget(self) -> None:
        """It keeps nothing."""


class Status:
    """A placeholder that notes down its captions."""

    def __init__(self) -> None:
        self.captions: list[str] = []

    def caption(self, text: str) -> None:
        self.captions.append(text)

    def empty(self) -> None:
        self.captions.append("")


class PageStopped(BaseException):
    """Streamlit's own stop and rerun signals are no Exception either."""


class Session(dict[str, Any]):
    """A session that stops this thread's page some seconds from now: using Streamlit's own does the same."""

    def __init__(self, stop_after: float) -> None:
        self.page = threading.current_thread()
        self.stop_at = time.monotonic() + stop_after

    def __contains__(self, key: object) -> bool:
        if threading.current_thread() is self.page and time.monotonic() > self.stop_at:
            raise PageStopped
        return False


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`stop_after(seconds)` stops the page that many seconds from now."""
    return lambda seconds: monkeypatch.setattr(st, "session_state", Session(seconds))


def test_what_is_said_is_shown_in_order_and_the_result_returned() -> None:
    shown: list[str] = []

    def work(cancel: CancelToken, say: Any) -> int:
        for piece in ("The ", "door ", "is ", "open."):
            say(piece)
            time.sleep(0.02)
        return 7

    status: Any = Status()
    model: Any = Model()
    assert Job(model, "answering", work).watch(status, shown.append) == 7
    assert "".join(shown) == "The door is open."


def test_what_the_work_raises_is_raised_here_and_the_lock_is_free_again() -> None:
    def work(cancel: CancelToken, say: Any) -> None:
        raise ValueError("too long")

    status: Any = Status()
    model: Any = Model()
    with pytest.raises(ValueError, match="too long"):
        Job(model, "answering", work).watch(status)
    assert Job(model, "answering", lambda cancel, say: "next").watch(status) == "next"


@pytest.mark.parametrize("says", [False, True])
def test_work_that_runs_out_of_memory_is_done_once_more_unless_it_has_spoken(says: bool) -> None:
    begun: list[int] = []

    def work(cancel: CancelToken, say: Callable[[str], None]) -> str:
        begun.append(1)
        if says:
            say("half an answer")
        if len(begun) == 1:
            raise MemoryError
        return "done"

    job: Job[str] = Job(Model(), "reading", work)  # type: ignore[arg-type]
    assert job.ends_within(10)
    if says:
        with pytest.raises(NotEnoughMemory, match="reading"):
            job.result()
    else:
        assert job.result() == "done"
    assert len(begun) == (1 if says else 2)


def test_stopping_the_page_stops_the_work_within_half_a_second(stop_after: Callable[[float], None]) -> None:
    stopped = threading.Event()

    def work(cancel: CancelToken, say: Any) -> None:
        while not cancel.cancelled:
            time.sleep(0.01)
        stopped.set()

    status: Any = Status()
    stop_after(0.15)
    model: Any = Model()
    began = time.monotonic()
    with pytest.raises(PageStopped):
        Job(model, "answering", work).watch(status)
    assert time.monotonic() - began < 0.15 + 0.5
    assert stopped.is_set()


def test_a_long_forward_pass_is_not_waited_for(stop_after: Callable[[float], None]) -> None:
    release = threading.Event()

    def work(cancel: CancelToken, say: Any) -> None:
        release.wait(5)

    status: Any = Status()
    stop_after(0.1)
    model: Any = Model()
    began = time.monotonic()
    with pytest.raises(PageStopped):
        Job(model, "answering", work).watch(status)
    assert time.monotonic() - began < 0.1 + PARTING + 4 * LOOK_IN + 0.3
    release.set()


def test_the_second_waits_says_for_whom_and_then_starts() -> None:
    model: Any = Model()
    running = threading.Event()
    release = threading.Event()

    def first(cancel: CancelToken, say: Any) -> None:
        running.set()
        release.wait(5)

    quiet: Any = Status()
    other = threading.Thread(target=lambda: Job(model, "comparing phrasings", first).watch(quiet))
    other.start()
    assert running.wait(5)
    status: Any = Status()
    threading.Timer(0.3, release.set).start()
    assert Job(model, "answering", lambda cancel, say: "answer").watch(status) == "answer"
    other.join()
    assert any("another tab is comparing phrasings" in caption for caption in status.captions)


def test_stopping_while_waiting_leaves_the_queue(stop_after: Callable[[float], None]) -> None:
    model: Any = Model()
    release = threading.Event()
    running = threading.Event()

    def first(cancel: CancelToken, say: Any) -> None:
        running.set()
        release.wait(5)

    quiet: Any = Status()
    other = threading.Thread(target=lambda: Job(model, "answering", first).watch(quiet))
    other.start()
    assert running.wait(5)
    ran: list[str] = []
    status: Any = Status()
    stop_after(0.1)
    with pytest.raises(PageStopped):
        Job(model, "answering", lambda cancel, say: ran.append("ran")).watch(status)
    release.set()
    other.join()
    time.sleep(3 * LOOK_IN)
    assert ran == []


def test_only_what_is_new_is_sent_to_the_browser() -> None:
    status: Any = Status()
    model: Any = Model()
    Job(model, "answering", lambda cancel, say: time.sleep(5 * LOOK_IN)).watch(status)
    assert len(status.captions) == 2 and "Answering" in status.captions[0] and status.captions[1] == ""


def test_the_result_is_not_kept_waiting_for_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.ui.jobs.job.LOOK_IN", 5.0)
    status: Any = Status()
    model: Any = Model()
    began = time.monotonic()
    assert Job(model, "answering", lambda cancel, say: time.sleep(0.05) or 7).watch(status) == 7
    assert time.monotonic() - began < 4


def test_work_goes_on_when_a_moment_is_not_enough_and_is_watched_to_its_end() -> None:
    release = threading.Event()

    def work(cancel: CancelToken, say: Any) -> int:
        say("begun")
        release.wait(5)
        return 7

    model: Any = Model()
    job = Job(model, "answering", work)
    assert not job.ends_within(0.05)
    release.set()
    assert job.ends_within(5)
    shown: list[str] = []
    status: Any = Status()
    assert job.watch(status, shown.append) == 7 and shown == ["begun"]


def test_work_that_nobody_can_watch_any_more_is_stopped() -> None:
    stopped = threading.Event()

    def work(cancel: CancelToken, say: Any) -> None:
        while not cancel.cancelled:
            time.sleep(0.01)
        stopped.set()

    model: Any = Model()
    job = Job(model, "answering", work)
    assert not job.ends_within(0.05)
    del job
    gc.collect()
    assert stopped.wait(2)
