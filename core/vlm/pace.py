"""How fast a model is here: what one pass takes, learnt from those that were made.

The reading of a question is the first of them, and every later pass refreshes it. Few rows take longer, row by row,
than many: of each size the latest few passes count, and of a size that was not met the nearest is asked.

On a machine that is busy with something else everything takes longer for a while, and what was learnt then must not be
told afterwards. So what a pass takes is learnt in time that its thread had of the processor, and apart from that how
much longer the clock says, which is forgotten soon. A card has no such time: there the clock counts.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

LEAST_ROWS = 16
"""Fewer rows are read in the time in which weights are fetched, which says nothing of more."""

LATEST = 5
FRESH = 30.0
"""A card has to be waited for to be timed: one pass of each size in so many seconds is. For as long a machine that was
busy is taken to be so."""

clock = time.perf_counter
"""What passes are timed by. Benchmarks on a busy machine take the time of the processor."""
own_clock = time.thread_time
"""What this thread had of the processor."""

MASKED_HEADS = "masked heads"
"""What is counted: heads whose explanation can be masked, of those looked at."""

ASK, CASE, GRAPH = "ask", "case", "graph"
"""Kinds of things whose time is learnt as well: a question answered, a case of a run, a causal graph learned."""


class Took(NamedTuple):
    """How long something took by the clock, and how much of that its thread had of the processor; None on a card."""

    seconds: float
    own: float | None = None


class Stopwatch(NamedTuple):
    """When something began, by both clocks."""

    clock: float
    own: float | None

    def took(self) -> Took:
        """Until now. To be asked in the thread that began."""
        seconds = clock() - self.clock
        return Took(seconds, None if self.own is None else own_clock() - self.own)


def stopwatch(device: str | torch.device) -> Stopwatch:
    """Something begins now whose work this device does."""
    return Stopwatch(clock(), own_clock() if torch.device(device).type == "cpu" else None)


def pass_work(layers: int, hidden: int, each: int, before: int = 0) -> float:
    """About the multiplications of one pass of a decoder over `each` rows that stand after `before` others: its weights
    (12 hidden^2 a layer, as Kaplan et al. 2020 count them), and attention to what stands before each row."""
    return each * layers * hidden * (12 * hidden + 2 * before + each)


class Pace:
    """Seconds of the passes of a decoder so wide and deep, by how much there was to do, and of making ready and seeing
    pictures by their numbers. Safe from any thread."""

    def __init__(self, layers: int, hidden: int) -> None:
        self._layers, self._hidden = layers, hidden
        self._lock = threading.Lock()
        self._rates: dict[tuple[str, int], deque[float]] = defaultdict(lambda: deque(maxlen=LATEST))
        self._timed: dict[tuple[str, int], float] = {}
        self._longer: deque[tuple[float, float]] = deque(maxlen=LATEST)
        """How many times as long as its thread had the processor something took lately, and when that was."""
        self._counts: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def note_pass(self, each: int, took: Took, before: int = 0, sequences: int = 1) -> None:
        """A pass of the decoder over so many sequences of `each` rows, `before` others being kept."""
        self._note("decoder", each * sequences, self._work(each, before, sequences), took)

    def note(self, kind: str, numbers: int, took: Took) -> None:
        """Pictures of so many numbers went through the "tower", or were made ready for it ("pictures"); or so many
        things of another kind were done."""
        self._note(kind, numbers, numbers, took)

    def pass_seconds(self, each: int) -> float | None:
        """What one pass over a sequence of so many rows takes; None where no pass was timed."""
        return self._expected("decoder", each, self._work(each))

    def seconds(self, kind: str, numbers: int) -> float | None:
        """What that takes; None where it was never done."""
        return self._expected(kind, numbers, numbers)

    def count(self, kind: str, hits: int, of: int) -> None:
        """So many of some things turned out to be of this kind."""
        with self._lock:
            former = self._counts[kind]
            self._counts[kind] = former[0] + hits, former[1] + of

    def counted(self, kind: str) -> tuple[int, int]:
        """How many things were of this kind so far, and of how many."""
        with self._lock:
            return self._counts[kind]

    @contextmanager
    def timing_pass(self, device: torch.device, each: int, before: int = 0, sequences: int = 1) -> Iterator[None]:
        """The block makes this pass, which is noted where it comes to its end."""
        rows = each * sequences
        if rows < LEAST_ROWS or not self._is_due("decoder", rows, device):
            yield
            return
        began = _started(device)
        yield
        self.note_pass(each, _until_now(began, device), before, sequences)

    @contextmanager
    def timing(self, kind: str, device: torch.device, numbers: int) -> Iterator[None]:
        """The block does this with pictures of so many numbers."""
        if not numbers or not self._is_due(kind, numbers, device):
            yield
            return
        began = _started(device)
        yield
        self.note(kind, numbers, _until_now(began, device))

    def _work(self, each: int, before: int = 0, sequences: int = 1) -> float:
        return sequences * pass_work(self._layers, self._hidden, each, before)

    def _is_due(self, kind: str, size: int, device: torch.device) -> bool:
        """Whether a pass of this size is timed: on a card only now and then, and only where it can be waited for."""
        if device.type == "cpu":
            return True
        key, now = (kind, _bucket(size)), clock()
        due = device.type == "cuda" and now - self._timed.get(key, -FRESH) >= FRESH
        if due:
            self._timed[key] = now
        return due

    def _note(self, kind: str, size: int, work: float, took: Took) -> None:
        if not size:
            return
        seconds, own = took
        known = own is not None and 0 < own < seconds
        with self._lock:
            self._rates[kind, _bucket(size)].append((own if own is not None and known else seconds) / max(work, 1))
            if own is not None:
                self._longer.append((seconds / own if known else 1.0, clock()))

    def _expected(self, kind: str, size: int, work: float) -> float | None:
        with self._lock:
            known = [bucket for own, bucket in self._rates if own == kind]
            if not known:
                return None
            nearest = min(known, key=lambda bucket: abs(bucket - _bucket(size)))
            lately = [longer for longer, when in self._longer if clock() - when < FRESH]
            return work * statistics.median(self._rates[kind, nearest]) * statistics.median(lately or [1.0])


def _bucket(size: int) -> int:
    return round(math.log2(max(1, size)))


def _started(device: torch.device) -> Stopwatch:
    _wait_for(device)
    return stopwatch(device)


def _until_now(began: Stopwatch, device: torch.device) -> Took:
    _wait_for(device)
    return began.took()


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
