"""Files that are not what their names say, and places that no file can be written to."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEEP = "[" * 100_000
ODD: tuple[Any, ...] = (None, True, "text", -1, 1e400, [], {}, [[]], {"": ""})
"""A value of every kind that JSON has."""


def foreign(beginning: str = "") -> Iterator[tuple[str, bytes]]:
    """Contents that are no file of ours, by what they are; `beginning` may make them look like one."""
    yield "nothing", b""
    yield "text", b"Dear diary"
    yield "a nest without end", (beginning + DEEP).encode()
    yield "no UTF-8", b"\xff\xfe\x00\xd8"
    yield "a number of many digits", b"1" * 10_000
    for value in ("null", "3", '"text"', "[]", "[1, 2]", "{}", '{"ranking": 3}', '{"claims": {}}'):
        yield f"JSON {value}", value.encode()


def damaged(record: Any, most: int = 200) -> Iterator[tuple[str, Any]]:
    """Copies of a record in each of which one value, however deep, is gone or is of another kind; of a list, only its
    first item is changed."""
    given = 0
    for path in _paths(record):
        for value in (*ODD, ...):
            if given >= most:
                return
            changed = copy.deepcopy(record)
            inner = changed
            for step in path[:-1]:
                inner = inner[step]
            if value is ...:
                del inner[path[-1]]
            else:
                inner[path[-1]] = value
            given += 1
            yield f"{'.'.join(map(str, path))} {'gone' if value is ... else repr(value)}", changed


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*at, key)
        yield from _paths(item, (*at, key))


def unwritable(folder: Path) -> Iterator[Path]:
    """Places that no file can be written to, on Linux."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    (folder / "file").write_bytes(b"")
    (folder / "circle").symlink_to(folder / "circle")
    yield from (folder, pipe, folder / "file" / "below", folder / "circle")
    yield from map(Path, ("/dev/full", "/dev/null", "/proc/x", "/proc/self/x/y"))
