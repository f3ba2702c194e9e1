"""What stands on the bar of work that goes on: how much of it is done, and how long the rest will take."""

from __future__ import annotations

import time

from ...vlm.forecast import Forecast, duration

TELLING = 0.05
"""The share done from which its own pace tells more of the rest than the forecast does."""

ENOUGH = 1.0
"""Seconds of work that tell its pace."""


class Left:
    """Tells of work that begins now, of which something may be foretold."""

    def __init__(self, foretold: Forecast | None = None) -> None:
        self._foretold = foretold
        self._began = time.monotonic()
        self._from: tuple[float, float] | None = None
        """When its pace was looked at first, and the share done then: much, of work that goes on where it was."""

    def words(self, done: float) -> str:
        """For the bar, at this share done: "41 of 210 passes · about 40 s left"."""
        parts = []
        told = self._foretold
        total = 0 if told is None else round(told.count)
        if told is not None and total > 1:
            things = "passes" if told.things is None else f"{told.one}s"
            parts.append(f"{round(total * done):,} of {total:,} {things}")
        seconds = self._seconds(done)
        if seconds is not None:
            parts.append(f"about {duration(seconds)} left")
        return " · ".join(parts)

    def _seconds(self, done: float) -> float | None:
        """How long the rest will take: at the pace so far, or as was foretold; None where neither tells."""
        now = time.monotonic()
        gone = now - self._began
        if self._from is None and done > 0:
            self._from = (now, done) if gone < ENOUGH else (self._began, 0.0)
        since, before = self._from or (self._began, 0.0)
        if done - before >= TELLING and now - since >= ENOUGH:
            return (now - since) * (1 - done) / (done - before)
        if self._foretold is None or self._foretold.seconds is None:
            return None
        return max(0.0, self._foretold.seconds - gone)
