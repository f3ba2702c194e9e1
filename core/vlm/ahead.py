"""Work done ahead in threads: what comes next is made ready while somebody is busy with what came before.

Pictures take a processor a quarter of a second each at the size people use, and a card that has to wait for every one
of them is idle for most of its time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

from .cancel import check_heard

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 4
"""Most threads: more would take the processor from whoever gives the card its work."""

LOOK = 0.05
"""Seconds between two looks whether somebody wants to stop, while a piece is waited for."""


def workers() -> int:
    """How many threads work ahead on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(WORKERS, cores)


def ahead(pieces: Iterable[T], work: Callable[[T], R], room: int) -> Iterator[R]:
    """`work` of each piece, in order; at most `room` of them (one or more) are under way or done and not yet asked for.

    Pieces are drawn in the thread that asks, so that what they come from need not be safe from others; `work` must be,
    and hears the stop that this thread hears. No thread begins another piece once this generator is closed or
    something was raised. Raises Cancelled, and what `work` raises.
    """
    drawn, waiting = iter(pieces), deque[Future[R]]()
    pool = ThreadPoolExecutor(min(workers(), room), thread_name_prefix="ahead")

    def begin() -> None:
        for piece in islice(drawn, room - len(waiting)):
            waiting.append(pool.submit(copy_context().run, work, piece))

    try:
        begin()
        while waiting:
            done = _when_done(waiting.popleft())
            begin()
            yield done
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _when_done(future: Future[R]) -> R:
    """What comes of it. Raises Cancelled as soon as a stop is asked for, however long the piece still takes."""
    while True:
        check_heard()
        try:
            return future.result(LOOK)
        except TimeoutError:
            # (or the work's own, which it raises again)
            if future.done():
                return future.result()
