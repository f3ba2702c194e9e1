"""Who has the model, and who is next: a lock that its owner may take again, with two lanes.

What takes a moment (an answer, a click) goes before what takes long, in the order in which each came; and long work
gives way between two passes to what waits in the first lane, and goes on afterwards. Nobody says beforehand how long
something takes: whoever has had the model for `LONG` seconds is long from then on, unless it must not be interrupted.
Long work that has waited for `PATIENCE` seconds goes next and keeps the model for `SLICE`, so that many short ones do
not keep it for ever; and one such slice at a time, so that much long work does not keep them.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

LONG = 3.0
"""Seconds of work after which others go first."""

PATIENCE = 20.0
"""Seconds that long work is kept waiting by short work at most."""

SLICE = 3.0
"""Seconds for which it then gives way to nobody: with a pass alone for each wait, what takes many would never end where
short work never does."""

COMPANY = 20.0
"""Seconds for which the model counts as shared after long work gave way to somebody."""

LOOK_IN = 0.1
"""Seconds between two looks whether somebody who waits was stopped."""


@dataclass(eq=False)
class Turn:
    """Somebody's use of the model. `purpose` in words ("answering") and `owner` are for those who wait; `whole`: it is
    never asked to give way, and stays in the first lane."""

    purpose: str = ""
    owner: str | None = None
    whole: bool = False
    used: float = 0.0
    since: float = field(default_factory=time.monotonic)
    patient: bool = False
    """It has the model because it had waited for long."""

    @property
    def long(self) -> bool:
        return not self.whole and self.used >= LONG


class Turns:
    """A lock as threading.RLock is, with turns."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Turn] = []
        self._holder: Turn | None = None
        self._thread: int | None = None
        self._depth = 0
        self._sliced = False
        """The last turn was such a slice."""
        self._gave_way = -math.inf

    # As any lock

    def acquire(self, timeout: float = -1) -> bool:
        """Wait for the lock, in a turn without a name, for `timeout` seconds at most. Whether this thread has it."""
        return self._again() or self._wait(Turn(), _unheard, time.monotonic() + timeout if timeout >= 0 else math.inf)

    def mine(self) -> bool:
        """Whether this thread has the lock."""
        return self._thread == threading.get_ident()

    def release(self) -> None:
        """Raises RuntimeError in a thread that does not have the lock."""
        with self._changed:
            if not self.mine():
                raise RuntimeError("this thread does not have the model")
            self._depth -= 1
            if not self._depth:
                self._leave()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.release()

    # Turns

    @contextmanager
    def taken(self, turn: Turn, check: Callable[[], None]) -> Iterator[None]:
        """The lock for a turn of this thread, which does not have it yet. While it waits, `check` may raise."""
        self._wait(turn, check)
        try:
            yield
        finally:
            if self.mine():  # not where it was stopped while it had given way
                self.release()

    def give_way(self, check: Callable[[], None]) -> None:
        """Where this thread's turn is long and no pass of its own is under way, let all go first that wait in the first
        lane. `check` as in `taken`: where it raises, this thread does not have the lock any more."""
        with self._changed:
            turn = self._holder
            if turn is None or not self.mine() or self._depth != 1:
                return
            now = time.monotonic() - turn.since
            if turn.patient and now < SLICE:
                return
            if turn.whole or turn.used + now < LONG or all(other.long for other in self._waiting):
                return
            self._gave_way = time.monotonic()
            self._leave()
        self._wait(turn, check)

    @property
    def shared(self) -> bool:
        """Whether long work gave way to others a moment ago: whoever comes next waits for the pass that is under way,
        so that passes had better be short now."""
        return time.monotonic() - self._gave_way < COMPANY

    def before(self, turn: Turn) -> tuple[Turn | None, int]:
        """Who has the model, and how many go before a turn that waits."""
        with self._changed:
            ordered = self._ordered()
            return self._holder, ordered.index(turn) if turn in ordered else 0

    def _again(self) -> bool:
        with self._changed:
            if not self.mine():
                return False
            self._depth += 1
            return True

    def _wait(self, turn: Turn, check: Callable[[], None], until: float = math.inf) -> bool:
        """Whether the lock was had by then."""
        with self._changed:
            turn.since = time.monotonic()
            self._waiting.append(turn)
        try:
            while True:
                check()
                with self._changed:
                    if self._thread is None and self._ordered()[0] is turn:
                        self._waiting.remove(turn)
                        self._holder, self._thread, self._depth = turn, threading.get_ident(), 1
                        now = time.monotonic()
                        turn.patient = turn.long and now - turn.since >= PATIENCE
                        turn.since, self._sliced = now, turn.patient
                        return True
                    left = until - time.monotonic()
                    if left <= 0:
                        self._waiting.remove(turn)
                        return False
                    self._changed.wait(min(LOOK_IN, left))
        except BaseException:
            with self._changed, contextlib.suppress(ValueError):
                self._waiting.remove(turn)
                self._changed.notify_all()
            raise

    def _ordered(self) -> list[Turn]:
        now = time.monotonic()

        def second_lane(turn: Turn) -> bool:
            return turn.long and (self._sliced or now - turn.since < PATIENCE)

        return sorted(self._waiting, key=lambda turn: (second_lane(turn), turn.since))

    def _leave(self) -> None:
        assert self._holder is not None
        self._holder.used += time.monotonic() - self._holder.since
        self._holder, self._thread, self._depth = None, None, 0
        self._changed.notify_all()


def _unheard() -> None:
    """Whoever waits so is not stopped."""
