"""Long work of a page: at once where it takes a moment, under Stop where it takes longer, and never again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.errors import NotApplicable, NotEnoughMemory
from core.ui.jobs import left
from core.ui.jobs import page as jobs_page
from core.ui.jobs.job import Job
from core.ui.jobs.page import STOPPED, PageJobs, Report, Work
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.forecast import Forecast
from core.vlm.pass_costs import NOTHING, Passes
from core.vlm.turns import Turns

MOMENT = 0.1


@pytest.fixture(autouse=True)
def short_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_page, "MOMENT", MOMENT)


class Model:
    """All that work needs of a model here: its lock."""

    def __init__(self) -> None:
        self.lock = Turns()


@dataclass(eq=False)
class View:
    """A page that shows one number, which takes work to find out. `boxes` counts its runs with work in them."""

    work: Work | None = None
    model: Model = field(default_factory=Model)
    value: int | None = None
    boxes: int = 0
    jobs: PageJobs = field(default_factory=PageJobs)


def page() -> None:
    import streamlit as st

    view = st.session_state["view"]
    view.boxes += view.jobs.left is not None
    view.jobs.finish()
    if view.value is None:
        view.jobs.ensure(view.model, "number", "counting", "number", view.work)
    st.text(f"value: {view.value}")


def opened(view: View) -> AppTest:
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["view"] = view
    at.run()
    assert not at.exception
    return at


def texts(at: AppTest) -> list[str]:
    return [text.value for text in at.text]


@pytest.mark.parametrize(("seconds", "boxes"), [(0.0, 0), (2 * MOMENT, 1)])
def test_only_what_takes_longer_than_a_moment_is_left_to_the_page(seconds: float, boxes: int) -> None:
    view, begun = View(), []

    def work(cancel: CancelToken, report: Report) -> None:
        begun.append(1)
        report(0.5)
        time.sleep(seconds)
        view.value = 7

    view.work = work
    at = opened(view)
    assert texts(at) == ["value: 7"] and view.boxes == boxes and begun == [1]


@pytest.mark.parametrize("seconds", [0.0, 2 * MOMENT])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotApplicable("Choose fewer."), "Choose fewer."),
        (Cancelled(), STOPPED),
        (NotEnoughMemory("Memory ran out."), "Memory ran out."),
        (KeyError("x"), "could not do this (KeyError)"),
    ],
)
def test_what_fails_is_a_sentence_and_is_tried_again_only_when_asked(
    error: Exception, said: str, seconds: float
) -> None:
    view, tries = View(), []

    def work(cancel: CancelToken, report: Report) -> None:
        tries.append(1)
        time.sleep(seconds)
        if len(tries) == 1:
            raise error
        view.value = 7

    view.work = work
    at = opened(view).run()
    assert len(tries) == 1 and said in texts(at)[0]
    at.button(key="again_number").click().run()
    assert texts(at) == ["value: 7"] and len(tries) == 2


def test_the_next_run_of_a_page_has_what_was_done_before_a_stop() -> None:
    kept: list[int] = []

    def work(cancel: CancelToken, say: Callable[[str], None]) -> None:
        while not cancel.cancelled:
            time.sleep(0.01)
        kept.append(7)

    model: Any = Model()
    jobs = PageJobs(watched=Job(model, "counting", work))
    jobs.finish()
    assert kept == [7] and jobs.watched is None


def test_the_bar_counts_passes_and_tells_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(left.time, "monotonic", lambda: now[0])
    told = left.Left(Forecast(Passes(forward=210), 40.0))
    assert told.words(0.0) == "0 of 210 passes · about 40 s left"
    now[0] += 30
    # It is slower than was foretold.
    assert told.words(0.25) == "52 of 210 passes · about 90 s left"
    unknown = left.Left()
    assert unknown.words(0.0) == ""
    now[0] += 10
    assert unknown.words(0.5) == "about 10 s left"


def test_what_was_there_at_once_tells_nothing_of_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(left.time, "monotonic", lambda: now[0])
    told = left.Left(Forecast(NOTHING, None, 12, "scene"))
    assert told.words(0.5) == "6 of 12 scenes"
    now[0] += 30
    # A quarter of it took 30 s, and a quarter is left.
    assert told.words(0.75) == "9 of 12 scenes · about 30 s left"


def test_what_is_found_so_far_stands_beside_the_bar_as_plain_text() -> None:
    seen: list[list[str]] = []
    view = View()

    def work(cancel: CancelToken, report: Report) -> None:
        report.so_far("**3** of 19 <b>so far</b>")
        report(0.25)
        time.sleep(4 * MOMENT)
        view.value = 7

    view.work = work
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "empty", lambda: _Heard(seen, _EMPTY()))
        opened(view)
    assert ["text", "**3** of 19 <b>so far</b>"] in seen


_EMPTY = st.empty


class _Heard:
    """A place on the page that tells what is written into it."""

    def __init__(self, seen: list[list[str]], place: Any) -> None:
        self._seen, self._place = seen, place

    def text(self, body: str) -> None:
        self._seen.append(["text", body])
        self._place.text(body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)
