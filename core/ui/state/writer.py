"""Writing outside the page's thread: rows of an answer may take seconds, and nobody should wait for them."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from ...errors import NotWritten, SightlineError

log = logging.getLogger(__name__)
AT_THE_END = 30.0
"""Seconds that a server which is shut down waits for what is still to be written."""

Work = Callable[[], None]


@dataclass(eq=False)
class Progress:
    """What a writer has come to, for the page to read. `trouble` is why something could not be written, as a sentence;
    `failed` is that work, to be tried again; `lost` is why something else cannot be kept at all. `waiting` pieces are
    not done yet."""

    trouble: str | None = None
    lost: str | None = None
    failed: list[tuple[str | None, Work]] = field(default_factory=list)
    waiting: int = 0


class Writer:
    """Does one piece of work after the other in a thread of its own. Of work of one `name` that waits, only the last is
    done. Forgetting the writer ends the thread once everything is done, and then does `last`."""

    def __init__(self, last: Work) -> None:
        self.progress = Progress()
        self.ended = threading.Event()
        self._queue: SimpleQueue[tuple[str | None, Work] | None] = SimpleQueue()
        self._newest: dict[str, Work] = {}
        self._lock = threading.Lock()
        # The thread must not hold the writer itself, or else it could not be forgotten.
        body = (self._queue, self._newest, self._lock, self.progress, last, self.ended)
        thread = threading.Thread(target=_body, args=body, name="keeping a run", daemon=True)
        thread.start()
        self._end = weakref.finalize(self, _end, self._queue, thread)

    def do(self, work: Work, name: str | None = None) -> None:
        """Do this when all before it is done, or in the place of what waits under its name."""
        with self._lock:
            if name is not None:
                waits = name in self._newest
                self._newest[name] = work
                if waits:
                    return
            self.progress.waiting += 1
        self._queue.put((name, work))

    def again(self) -> None:
        """Try once more what could not be written."""
        with self._lock:
            failed, self.progress.failed = self.progress.failed, []
        for name, work in failed:
            if name is None or name not in self._newest:
                self.do(work, name)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was told so far is done, no longer than this. Whether it is."""
        if not self._end.alive:
            return self.ended.wait(seconds)
        done = threading.Event()
        self._queue.put((None, done.set))
        with self._lock:
            self.progress.waiting += 1
        return done.wait(seconds)

    def end(self) -> None:
        """Do all that was told, and then no more. Returns at once; `ended` is set then."""
        self._end.detach()
        self._queue.put(None)


def _end(queue: SimpleQueue[tuple[str | None, Work] | None], thread: threading.Thread) -> None:
    queue.put(None)
    if thread is not threading.current_thread() and not threading.main_thread().is_alive():
        thread.join(AT_THE_END)


def _body(
    queue: SimpleQueue[tuple[str | None, Work] | None],
    newest: dict[str, Work],
    lock: threading.Lock,
    progress: Progress,
    last: Work,
    ended: threading.Event,
) -> None:
    while (told := queue.get()) is not None:
        name, work = told
        if name is not None:
            with lock:
                work = newest.pop(name)
        trouble, again = _trouble(work)
        with lock:
            progress.waiting -= 1
            if again:
                progress.trouble = trouble
                progress.failed.append((name, work))
            elif trouble is not None:
                progress.lost = trouble
            elif not progress.failed:
                progress.trouble = None
        del told, work
    _trouble(last)
    ended.set()


def _trouble(work: Work) -> tuple[str | None, bool]:
    """What went wrong, as a sentence, and whether it may go better another time."""
    try:
        work()
    except SightlineError as error:
        return str(error), isinstance(error, NotWritten)
    except Exception as error:
        log.exception("something could not be kept")
        why = f"Something could not be kept ({type(error).__name__}). It is on screen; the terminal has the details."
        return why, False
    return None, False
