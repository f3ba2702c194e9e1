"""Long work of a page: done once, stoppable, and not tried again by itself after a stop.

Most of it takes a moment, in which a fragment can well wait: the page around it is not drawn again. What takes longer
goes on while the page runs anew and puts a bar and a Stop button beside it (`deferred.py` says why the page must).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from functools import partial
from typing import NoReturn, Protocol, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import ExplainError
from .deferred import Deferred
from .job import Job
from .result_cache import ResultCache

log = logging.getLogger(__name__)

Kind = TypeVar("Kind")
Report = Callable[[float], None]
Work = Callable[[CancelToken, Report], None]
Tell = Callable[[str], None]
STOPPED = "You stopped this."
MOMENT = 0.5
"""Seconds that need no bar and no Stop: a result that is there sooner just takes the former one's place."""


class Unfinished(Protocol):
    """What a page remembers of its work: `stopped` says of what was stopped or failed, by its key, what happened."""

    @property
    def stopped(self) -> dict[Hashable, str]: ...

    @property
    def deferred(self) -> Deferred: ...


def obtain(
    view: Unfinished,
    model: VisionLanguageModel,
    kept: ResultCache[Kind],
    key: Hashable,
    purpose: str,
    name: str,
    make: Callable[[CancelToken, Report], Kind],
) -> Kind | None:
    """What is kept under `key`, made here and now where it is not there. None where that was stopped or failed: then it
    has been said, with a button to try again."""

    def work(cancel: CancelToken, report: Report) -> None:
        kept.keep(key, make(cancel, report))

    if kept.get(key) is None:
        made(view, model, key, purpose, name, work)
    return kept.get(key)


def made(view: Unfinished, model: VisionLanguageModel, key: Hashable, purpose: str, name: str, work: Work) -> bool:
    """Whether `work(cancel, report)`, which keeps what it finds itself, was done just now; not where it was stopped or
    failed, now or before: then that has been said, with a button to try again."""
    if key not in view.stopped:
        attempt(view.deferred, model, purpose, name, work, partial(view.stopped.__setitem__, key))
    return not obstacle(view, key, name)


def compute(
    view: Unfinished, model: VisionLanguageModel, key: Hashable, purpose: str, name: str, work: Work
) -> NoReturn:
    """Do `work(cancel, report)`, which keeps what it finds itself, also the part before a stop, and draw again. What
    went wrong is kept under `key` as a sentence. `name` tells its Stop button from others."""
    view.stopped.pop(key, None)
    attempt(view.deferred, model, purpose, name, work, partial(view.stopped.__setitem__, key))
    context = get_script_run_ctx()
    st.rerun(scope="fragment" if context is not None and context.fragment_ids_this_run else "app")


def attempt(deferred: Deferred, model: VisionLanguageModel, purpose: str, name: str, work: Work, failed: Tell) -> None:
    """Do `work(cancel, report)`, which keeps what it finds itself; `failed` hears what went wrong, as a sentence.

    Returns when that took no more than a moment. If it takes longer the page runs anew, watches the work to its end
    and draws everything again, and this does not return.
    """
    job = Job(model, purpose, lambda cancel, say: work(cancel, lambda done: say(f" {done:.3f}")))
    if not job.ends_within(MOMENT):
        deferred.leave(partial(_watch, deferred, job, f"stop_{name}", failed))
    _conclude(purpose, job.result, failed)


def _watch(deferred: Deferred, job: Job[None], key: str, failed: Tell) -> None:
    deferred.watched = job
    status, bar = st.empty(), st.empty()
    st.button("Stop", icon=":material/stop_circle:", key=key, on_click=failed, args=(STOPPED,))

    def advance(said: str) -> None:
        bar.progress(min(1.0, float(said.split()[-1])))

    _conclude(job.purpose, partial(job.watch, status, advance), failed)
    deferred.watched = None


def _conclude(purpose: str, result: Callable[[], None], failed: Tell) -> None:
    try:
        result()
    except (ExplainError, ValueError) as error:
        failed(str(error))
    except Cancelled:
        failed(STOPPED)
    except MemoryError:
        failed(
            "There was not enough memory for this. Choose fewer tokens at once, a smaller picture, or a smaller model."
        )
    except Exception as error:
        log.exception("%s failed", purpose)
        failed(
            f"The model could not do this ({type(error).__name__}). Nothing else was lost. Try another method or "
            "setting; the terminal has the details."
        )


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
