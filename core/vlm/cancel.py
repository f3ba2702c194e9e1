"""Stopping long work from another thread."""

from __future__ import annotations

import threading


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
        """Raises Cancelled when `cancel` was called."""
        if self._event.is_set():
            raise Cancelled("the work was stopped")
