"""Ends a chat template that computes without end. Imports nothing of this package: `vetted_child.py` uses it alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_EVENTS = 1000
"""Lines of a template between two looks at the clock."""


class TooLong(Exception):
    """What computes for longer than it may."""


@contextmanager
def for_seconds(seconds: float) -> Iterator[None]:
    """Ends what is run within, in this thread, with TooLong after so many seconds of a processor. A template is Python
    once it is compiled, each of whose lines is heard; a single long operation is not ended."""
    end, heard, before = time.thread_time() + seconds, 0, sys.gettrace()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal heard
        heard += 1
        if heard % _EVENTS == 0 and time.thread_time() > end:
            raise TooLong
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
