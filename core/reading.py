"""Reading files that somebody named: regular ones only, for a pipe would be waited for and a device never ends."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from .typed_paths import typed_path


def opened(file: Path) -> BinaryIO:
    """A regular file, to be read. Raises OSError, whose `strerror` says why."""
    try:
        handle = os.open(typed_path(file), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError as error:  # a NUL
        raise OSError(errno.EINVAL, "it is no path") from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        raise OSError(errno.EINVAL, "it is not a regular file")
    return os.fdopen(handle, "rb")


def read_bytes(file: Path, most: int | None = None) -> bytes:
    """The content of a regular file; where it has more than `most` bytes, these and one more. Raises OSError."""
    with opened(file) as content:
        return content.read(-1 if most is None else most + 1)


def read_json(file: Path) -> Any:
    """What a JSON file says. Raises OSError, and ValueError for what is no JSON or is nested without end."""
    try:
        return json.loads(read_bytes(file).decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
