"""Reading what may come from outside: plain files only, no longer than they may be, and JSON that means one thing."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from ..errors import RunDamaged
from .limits import MOST_JSON


def read_file(file: Path, most: int) -> bytes:
    """The content of a regular file that no link leads to. Raises RunDamaged."""
    name = file.name[:80]
    try:
        # A pipe would be waited for, and a link may lead anywhere.
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise RunDamaged(f"{name} is missing.") from error
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise RunDamaged(f"{name} cannot be read ({why}).") from error
    with os.fdopen(handle, "rb") as opened:
        about = os.fstat(opened.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise RunDamaged(f"{name} is not a regular file.")
        if about.st_size > most:
            raise RunDamaged(f"{name} has {about.st_size / 2**20:,.0f} MB, and at most {most / 2**20:,.0f} are read.")
        try:
            content = opened.read(most + 1)
        except OSError as error:
            raise RunDamaged(f"{name} cannot be read ({error.strerror}).") from error
    if len(content) > most:
        raise RunDamaged(f"{name} grew while it was read.")
    return content


def check_folder(folder: Path, *inside: str) -> Path:
    """A folder within another one, none of them a link. Raises RunDamaged."""
    for name in ("", *inside):
        folder = folder / name
        try:
            mode = folder.lstat().st_mode
        except OSError as error:
            raise RunDamaged(f"The folder {folder.name} cannot be read ({error.strerror}).") from error
        if not stat.S_ISDIR(mode):
            raise RunDamaged(f"{folder.name} is not a folder of its own, and is not looked into.")
    return folder


def parsed(content: bytes, name: str) -> Any:
    """What JSON says. Raises RunDamaged for what is none, says a name twice, or is nested without end."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise RunDamaged(f"{name} is damaged: it is no JSON.") from error


def as_json(value: Any) -> bytes:
    """Plain values as JSON, always the same for the same ones. Raises TypeError for others, ValueError for too many."""
    content = json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":")).encode("ascii")
    if len(content) > MOST_JSON:
        raise ValueError(f"{len(content):,} bytes of JSON, and at most {MOST_JSON:,} are kept in a file")
    return content


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(list(pairs)):
        raise ValueError("a name stands twice")
    return held


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
