"""Work on a model from a page: one at a time, stoppable at once, and waiting in so many words."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from core.ui.work import LOOK_IN, PARTING, run_on_model
from core.vlm.cancel import CancelToken


class Model:
    """All that `run_on_model` needs of a model: its lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()


class Status:
    """A placeholder that notes down its captions; it stops the page when told to, as Streamlit does."""

    def __init__(self, stop_after: float | None = None) -> None:
        self.captions: list[str] = []
        self.stop_at = None if stop_after is None else time.monotonic() + stop_after

    def caption(self, text: str) -> None:
        self.captions.append(text)
        if self.stop_at is not None and time.monotonic() > self.stop_at:
            raise PageStopped

    def empty(self) -> None:
        self.captions.append("")


class PageStopped(BaseException):
    """Streamlit's own stop and rerun signals are no Exception either."""


def test_what_is_said_is_shown_in_order_and_the_result_returned() -> None:
    shown: list[str] = []

    def work(cancel: CancelToken, say: Any) -> int:
        for piece in ("The ", "door ", "is ", "open."):
            say(piece)
            time.sleep(0.02)
        return 7

    status: Any = Status()
    model: Any = Model()
    assert run_on_model(model, "answering", work, status, shown.append) == 7
    assert "".join(shown) == "The door is open."


def test_what_the_work_raises_is_raised_here_and_the_lock_is_free_again() -> None:
    def work(cancel: CancelToken, say: Any) -> None:
        raise ValueError("too long")

    status: Any = Status()
    model: Any = Model()
    with pytest.raises(ValueError, match="too long"):
        run_on_model(model, "answering", work, status)
    assert run_on_model(model, "answering", lambda cancel, say: "next", status) == "next"


def test_stopping_the_page_stops_the_work_within_half_a_second() -> None:
    stopped = threading.Event()

    def work(cancel: CancelToken, say: Any) -> None:
        while not cancel.cancelled:
            time.sleep(0.01)
        stopped.set()

    status: Any = Status(stop_after=0.15)
    model: Any = Model()
    began = time.monotonic()
    with pytest.raises(PageStopped):
        run_on_model(model, "answering", work, status)
    assert time.monotonic() - began < 0.15 + 0.5
    assert stopped.is_set()


def test_a_long_forward_pass_is_not_waited_for() -> None:
    release = threading.Event()

    def work(cancel: CancelToken, say: Any) -> None:
        release.wait(5)

    status: Any = Status(stop_after=0.1)
    model: Any = Model()
    began = time.monotonic()
    with pytest.raises(PageStopped):
        run_on_model(model, "answering", work, status)
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
    other = threading.Thread(target=lambda: run_on_model(model, "comparing phrasings", first, quiet))
    other.start()
    assert running.wait(5)
    status: Any = Status()
    threading.Timer(0.3, release.set).start()
    assert run_on_model(model, "answering", lambda cancel, say: "answer", status) == "answer"
    other.join()
    assert any("another tab is comparing phrasings" in caption for caption in status.captions)


def test_stopping_while_waiting_leaves_the_queue() -> None:
    model: Any = Model()
    release = threading.Event()
    running = threading.Event()

    def first(cancel: CancelToken, say: Any) -> None:
        running.set()
        release.wait(5)

    quiet: Any = Status()
    other = threading.Thread(target=lambda: run_on_model(model, "answering", first, quiet))
    other.start()
    assert running.wait(5)
    ran: list[str] = []
    status: Any = Status(stop_after=0.1)
    with pytest.raises(PageStopped):
        run_on_model(model, "answering", lambda cancel, say: ran.append("ran"), status)
    release.set()
    other.join()
    time.sleep(3 * LOOK_IN)
    assert ran == []
