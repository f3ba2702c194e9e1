"""Long work of a page: done once, stoppable, and not tried again by itself after a stop.

Most of it takes a moment, in which a fragment can well wait: the page around it is not drawn again. What takes longer
goes on while the page runs anew and puts a bar and a Stop button beside it. For a click in a fragment waits until the
fragment has run, so a Stop button drawn there would be heard only when the work has ended. The page waits before the
fragment, whose former drawing stays on screen meanwhile, with Stop in a box of the page's own. The box stands in a
corner of the window, because what was clicked may be anywhere on a long page.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...runs.absent import AbsentModel
from ...vlm.cancel import Cancelled, CancelToken, hearing
from ...vlm.forecast import Forecast
from ...vlm.model import VisionLanguageModel
from ..state.results import Kind
from ..state.view import View
from .failure import failure
from .job import Job
from .left import Left

Result = TypeVar("Result")


@dataclass(eq=False)
class Report:
    """What work says while it goes on: the share that is done, by a call, and in a sentence what is found `so_far`."""

    say: Callable[[str], None]
    found: str = ""

    def __call__(self, done: float) -> None:
        self.say(f" {done:.3f}")

    def so_far(self, found: str) -> None:
        self.found = found


Work = Callable[[CancelToken, Report], None]
Fail = Callable[[str], None]
STOPPED = "You stopped this."
MOMENT = 0.5
"""Seconds that need no bar and no Stop: a result that is there sooner just takes the former one's place."""
_STYLE = """<style>
.st-key-deferred { position: fixed; bottom: 1.5rem; right: 2rem; width: min(26rem, 90vw) !important; z-index: 100;
  background: Canvas; box-shadow: 0 2px 12px rgb(0 0 0 / 0.25); }
</style>"""


class NoModel(str):
    """Why something was not done: its model is not there."""


@dataclass(eq=False)
class PageJobs:
    """The work of one page: `work(cancel, report)`, which keeps what it finds itself, also the part before a stop.

    Each piece has a key of what it is about, a purpose in words ("learning the causal graph"), and a name that tells
    its buttons from others. `stopped` says by key of what was stopped or failed what happened, as a sentence.

    At most one job is `left` to the page. `watched` is the one that the page waits for at present: a click on Stop
    begins another run of the page while the former one is only just ending, and what the job had done by then must be
    there to be shown.
    """

    stopped: dict[Hashable, str] = field(default_factory=dict)
    left: Callable[[], None] | None = None
    watched: Job[None] | None = None

    def ensure(
        self,
        model: VisionLanguageModel,
        key: Hashable,
        purpose: str,
        name: str,
        work: Work,
        foretold: Forecast | None = None,
    ) -> bool:
        """Do work that the page needs. Whether it was done just now; not where it was stopped or failed, now or
        before: then that has been said, with a button to try again."""
        if key not in self.stopped:
            self.run(model, [key], purpose, name, work, foretold)
        if not self.tell(key):
            return True
        if isinstance(model, AbsentModel):
            return False
        st.button("Compute it", key=f"again_{name}", on_click=self.forget, args=(key,))
        return False

    def start(
        self,
        model: VisionLanguageModel,
        key: Hashable,
        purpose: str,
        name: str,
        work: Work,
        foretold: Forecast | None = None,
    ) -> NoReturn:
        """Do work that somebody clicked for, also where it was stopped or failed before, and draw again."""
        self.forget(key)
        self.run(model, [key], purpose, name, work, foretold)
        context = get_script_run_ctx()
        st.rerun(scope="fragment" if context is not None and context.fragment_ids_this_run else "app")

    def run(
        self,
        model: VisionLanguageModel,
        keys: Sequence[Hashable],
        purpose: str,
        name: str,
        work: Work,
        foretold: Forecast | None = None,
    ) -> None:
        """Do work of one or several keys, with what was `foretold` of it on its bar. What goes wrong is kept under all
        of them.

        Returns when that took no more than a moment. If it takes longer the page runs anew, watches the work to its end
        and draws everything again, and this does not return.
        """
        if isinstance(model, AbsentModel):
            self.stopped.update(dict.fromkeys(keys, NoModel(model.sentence)))
            return

        report = Report(lambda said: None)

        def stoppable(cancel: CancelToken, say: Callable[[str], None]) -> None:
            report.say = say
            with hearing(cancel):
                work(cancel, report)

        job = Job(model, purpose, stoppable)

        def fail(why: str) -> None:
            self.stopped.update(dict.fromkeys(keys, why))

        if not job.ends_within(MOMENT):
            self.left = partial(self._watch, job, report, f"stop_{name}", fail, Left(foretold))
            st.rerun()
        _conclude(job, job.result, fail)

    def forget_absence(self) -> None:
        """Try again what only a model could do that was not there, and is now."""
        self.stopped = {key: why for key, why in self.stopped.items() if not isinstance(why, NoModel)}

    def tell(self, key: Hashable) -> bool:
        """Say of work that was stopped or failed what happened. Whether there was anything to say."""
        if key in self.stopped:
            st.text(self.stopped[key])
        return key in self.stopped

    def forget(self, key: Hashable) -> None:
        """Try again what was stopped or failed."""
        self.stopped.pop(key, None)

    def finish(self) -> None:
        """Wait for what was left to the page. To be called by the page, outside any fragment and before the one that
        left it."""
        if self.watched is not None:
            self.watched.stop()
            self.watched = None
        watch, self.left = self.left, None
        place = st.empty()
        if watch is None:
            return
        with place.container(border=True, key="deferred"):
            st.html(_STYLE)
            watch()
        place.empty()

    def _watch(self, job: Job[None], report: Report, key: str, fail: Fail, left: Left) -> None:
        self.watched = job
        status, bar, found = st.empty(), st.empty(), st.empty()
        st.button("Stop", icon=":material/stop_circle:", key=key, on_click=fail, args=(STOPPED,))

        def advance(said: str) -> None:
            done = min(1.0, float(said.split()[-1]))
            bar.progress(done, text=left.words(done) or None)
            if report.found:
                found.text(report.found)

        if words := left.words(0.0):
            bar.progress(0.0, text=words)

        _conclude(job, partial(job.watch, status, advance), fail)
        self.watched = None


def _conclude(job: Job[None], result: Callable[[], None], fail: Fail) -> None:
    try:
        result()
    except Cancelled:
        fail(STOPPED)
    except Exception as error:
        fail(failure(job.purpose, error))


@dataclass(eq=False)
class PageView(View):
    """What a tab keeps of a page that works on the model: its choices, and its `jobs`."""

    jobs: PageJobs = field(default_factory=PageJobs)

    def obtain(
        self,
        model: VisionLanguageModel,
        kind: Kind[Result],
        key: Hashable,
        purpose: str,
        name: str,
        make: Callable[[CancelToken, Report], Result],
        foretold: Forecast | None = None,
    ) -> Result | None:
        """What is kept under `key`, made here and now where it is not there. None where that was stopped or failed:
        then it has been said, with a button to try again."""

        def work(cancel: CancelToken, report: Report) -> None:
            self.results.keep(kind, key, make(cancel, report))

        if self.results.get(kind, key) is None:
            self.jobs.ensure(model, key, purpose, name, work, foretold)
        return self.results.get(kind, key)
