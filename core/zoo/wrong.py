"""What a check may say beside that it passed and that it is refused."""

from __future__ import annotations


class Wrong(Exception):
    """What came out is not what an oracle says."""


class NotTried(Exception):
    """There was nothing to try, and why."""
