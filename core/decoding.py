"""Decoding that ends, of files that nobody vouches for.

A file of some kilobytes can keep a decoder busy for hours: a JPEG of a thousand scans, a PNG of a million chunks. What
reads such a file here is handed bytes that look at the clock whenever some of them are read, and are read a little at a
time; so it ends soon after it took too long, or somebody pressed Stop. Large pictures are decoded one after the other:
each takes hundreds of megabytes for a moment.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
import time
from collections.abc import Callable, Iterator

from .errors import UnreadableImage

LONGEST_SECONDS = 10.0
"""Of the processor, for one picture: however busy the machine is, a picture of the largest size takes some three."""
BLOCK = 1024
"""Bytes that a decoder is given at once. The costliest of them, scans of a progressive JPEG of the largest size, take a
quarter of a second."""
MOST_SCANS = 64
"""Of a JPEG: what encoders write has a dozen at most."""
LARGE = 4_000_000
"""Pixels of a picture that is decoded while no other one is."""

Stop = Callable[[], None]
"""Called between parts of the work; it may raise to end it."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends the coded data of a scan."""
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_one_at_a_time = threading.Lock()


class Watched(io.BytesIO):
    """The bytes of a file, which look at the clock and at Stop whenever they are read."""

    def __init__(self, data: bytes, shown: str, stop: Stop) -> None:
        super().__init__(data)
        self._shown, self._stop = shown, stop
        self._until = time.thread_time() + LONGEST_SECONDS
        self._reads = 0
        self.ended: BaseException | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if size is None or size < 0 or size >= BLOCK or self._reads % 32 == 0:  # of headers, a few bytes at a time
            self.check()
        return super().read(size)

    def check(self) -> None:
        """Raises UnreadableImage after too long, and whatever Stop raises. `ended` keeps it: readers of pictures may
        take it for damage."""
        try:
            self._stop()
            if time.thread_time() > self._until:
                raise UnreadableImage(
                    f"{self._shown} takes longer than {LONGEST_SECONDS:.0f} seconds to decode, as no ordinary picture "
                    "does. Save it again, as JPEG or PNG."
                )
        except BaseException as error:
            self.ended = error
            raise


@contextlib.contextmanager
def alone(pixels: int, stop: Stop) -> Iterator[None]:
    """While a picture of so many pixels is decoded, no other large one is. Raises whatever `stop` raises."""
    if pixels <= LARGE:
        yield
        return
    while not _one_at_a_time.acquire(timeout=0.2):
        stop()
    try:
        yield
    finally:
        _one_at_a_time.release()


def scans(jpeg: bytes, between: Stop = lambda: None) -> int:
    """How often a decoder goes over a JPEG; what lies within its metadata or after its end is not counted. `between`
    parts of the work it may be ended."""
    count, at, steps = 0, 2, 0
    while found := _MARKER.search(jpeg, at):
        steps += 1
        if steps % 1000 == 0:
            between()
        at = found.end()
        if found.group() == _END:
            break
        count += found.group() == _SCAN
        at += int.from_bytes(jpeg[at : at + 2], "big")  # the segment with its length
    return count
