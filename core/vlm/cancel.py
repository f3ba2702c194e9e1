"""Stopping long work from another thread: between its steps, and in the middle of a pass.

Work looks at its token between steps. A pass over a long sequence is one step and may take many seconds, and so may the
gradients of one layer: within `hearing`, every attention of every pass, forward and backward, looks at the token, too.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Cancelled(Exception):
    """Raised by work that was asked to stop and has nothing partial to return."""


class CancelToken:
    """A flag that any thread may raise and that long work looks at between its steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work that holds this token to stop. Safe from any thread, and more than once."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises Cancelled when `cancel` was called. Between steps others may be let go first (`between_steps`)."""
        self.check_only()
        if (between := _between.get()) is not None:
            between()

    def check_only(self) -> None:
        """The same, and nothing is done between steps: for what is waited for in there."""
        if self.cancelled:
            raise Cancelled("the work was stopped")


_between: ContextVar[Callable[[], None] | None] = ContextVar("done_between_steps", default=None)


@contextmanager
def between_steps(do: Callable[[], None]) -> Iterator[None]:
    """In this block, in this thread, work does this whenever it looks at its token, and was not asked to stop."""
    token = _between.set(do)
    try:
        yield
    finally:
        _between.reset(token)


_heard: ContextVar[tuple[CancelToken, ...]] = ContextVar("cancel_tokens_heard", default=())


@contextmanager
def hearing(cancel: CancelToken | None) -> Iterator[None]:
    """The passes of this block, in this thread, also end in their middle, with Cancelled, where `cancel` asks for it.
    Blocks inside each other hear all of their tokens."""
    token = _heard.set(_heard.get() if cancel is None else (*_heard.get(), cancel))
    try:
        yield
    finally:
        _heard.reset(token)


@contextmanager
def undisturbed() -> Iterator[None]:
    """The passes of this block, in this thread, are not ended in their middle."""
    token = _heard.set(())
    try:
        yield
    finally:
        _heard.reset(token)


def check_heard() -> None:
    """What is done many times in a pass calls this before it begins. Raises Cancelled where a token that is heard asks
    for it."""
    for cancel in _heard.get():
        cancel.check()


def heard_between(steps: Iterator[T], cancel: CancelToken | None) -> Iterator[T]:
    """The same steps, each computed within `hearing(cancel)`: what a generator sets holds for whoever draws from it."""
    while True:
        with hearing(cancel):
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step


def stoppable(work: Callable[P, T]) -> Callable[P, T]:
    """Work with a keyword `cancel`, all of it within `hearing` of that."""

    @functools.wraps(work)
    def heard(*args: P.args, **kwargs: P.kwargs) -> T:
        cancel = kwargs.get("cancel")
        with hearing(cancel if isinstance(cancel, CancelToken) else None):
            return work(*args, **kwargs)

    return heard
