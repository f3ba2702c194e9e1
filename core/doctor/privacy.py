"""What may be pasted into a report that others read: no folder, which would name an account."""

from __future__ import annotations

import re

_PATH = re.compile(r"(?:[A-Za-z]:|~)?(?:[\\/][^\\/\s'\"():;,<>|]+)+[\\/](?=[^\\/\s])")
"""The folders of a path, up to its last part."""


def without_folders(text: str) -> str:
    """`text` with paths shortened to their last part."""
    return _PATH.sub("…/", text)


def told(error: BaseException) -> str:
    """An error in one line, by the cause at the end of its chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    first = next(iter(str(error).strip().splitlines()), "")
    return without_folders(f"{type(error).__name__}: {first}" if first else type(error).__name__)
