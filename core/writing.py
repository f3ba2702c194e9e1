"""Files that are there whole or not at all, whatever happens while they are written.

What is new is written beside the file under a name of its own, is on the disk before it takes the file's name, and is
removed where that fails: a full disk or a killed process leaves what was there before. Whoever works long for a file
has it `reserved` from the beginning: a place that cannot be written to, or that somebody else is working for, is told
before the work and not after it.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from .errors import NotWritten

try:
    import fcntl
except ImportError:  # Windows has no such lock
    fcntl = None  # type: ignore[assignment]

PART = ".part"
"""How the names of files end that are being written; what a killed process leaves of them can be removed."""


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, or leave what is there as it is. Raises NotWritten."""
    with written_whole(file) as out:
        out.write(content)


@contextlib.contextmanager
def written_whole(file: Path) -> Iterator[BinaryIO]:
    """What is written within the block becomes the file when the block ends; nothing does where it raises. Raises
    NotWritten, at the beginning where what is there is no regular file."""
    file = check_regular(file)
    part = _part_of(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        _settle(file.parent)
    except OSError as error:
        raise _not_written(file, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def check_regular(file: Path) -> Path:
    """The file itself, where a link leads to one. Raises NotWritten for a folder, a device, a pipe and the like, which
    can never hold what is to be written."""
    try:
        file = file.resolve()
        mode = file.stat().st_mode
    except FileNotFoundError:
        return file
    except OSError as error:
        raise _no_place(file, error) from error
    except ValueError as error:
        raise NotWritten(f"{file.name!r} is no path. Choose another file.", "it is no path") from error
    except RuntimeError as error:  # a link that leads to itself
        raise NotWritten(
            f"{file.name} is a link that leads nowhere. Choose another file.", "a link to itself"
        ) from error
    if not stat.S_ISREG(mode):
        sentence = f"{file} is not a regular file, so nothing was written there. Choose another file."
        raise NotWritten(sentence, "not a regular file")
    return file


def check_place(file: Path) -> Path:
    """The same, and something can be written beside it; a folder that is not there is made. Raises NotWritten."""
    file = check_regular(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = _part_of(file)
        part.touch(exist_ok=False)
        part.unlink()
    except OSError as error:
        raise _no_place(file, error) from error
    return file


@contextlib.contextmanager
def reserved(*files: Path | None, beside: Sequence[Path | None] = ()) -> Iterator[None]:
    """While some files (None: not wanted) are worked for, they can be written, and nobody else reserves them. Raises
    NotWritten at the beginning: also where two of them are one file, or one is `beside` them, which is read."""
    wanted = [check_place(file) for file in files if file is not None]
    known = [check for file in beside if file is not None and (check := _resolved(file)) is not None]
    for number, file in enumerate(wanted):
        if file in (*wanted[:number], *known):
            raise NotWritten(
                f"{file.name} is named for two things, one of which would be lost. Choose another file for one.",
                "it is named for two things",
            )
    with contextlib.ExitStack() as held:
        for file in wanted:
            held.enter_context(_held(file))
        yield


@contextlib.contextmanager
def _held(file: Path) -> Iterator[None]:
    """A lock beside a file, which ends with the process, however that ends. Raises NotWritten."""
    lock = file.with_name(f".{hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]}{PART}")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        raise _not_written(file, error) from error
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = os.fstat(handle).st_ino == lock.stat().st_ino  # the one before may just have removed it
            except OSError:
                mine = False
            if not mine:
                raise NotWritten(
                    f"Another run is working for {file.name}. Wait until it is done, or choose another file.",
                    "another run is working for it",
                )
            _remove_left(file)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.unlink()
    finally:
        os.close(handle)


def _remove_left(file: Path) -> None:
    """Remove what killed processes left of this file, which nobody else is working for. What one that lives is writing
    stays: those who write without a reservation are done at once."""
    with contextlib.suppress(OSError):
        for part in file.parent.glob(f".{glob.escape(file.name[:80])}.*{PART}"):
            process = part.name.split(".")[-3]
            if process.isdigit() and not _lives(int(process)):
                part.unlink()


def _lives(process: int) -> bool:
    if os.name != "posix":  # elsewhere there is no asking without doing
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        pass
    return True


def _resolved(file: Path) -> Path | None:
    try:
        return file.expanduser().resolve()
    except (OSError, RuntimeError):
        return None


def _part_of(file: Path) -> Path:
    return file.with_name(f".{file.name[:80]}.{os.getpid()}.{secrets.token_hex(4)}{PART}")


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left of files that it was writing. Nobody else may be writing there."""
    with contextlib.suppress(OSError):
        for part in folder.glob(f".*{PART}"):
            part.unlink()


def _settle(folder: Path) -> None:
    """Have the folder's own entry on the disk, where the system has such a thing."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _no_place(file: Path, error: OSError) -> NotWritten:
    why = error.strerror or "no reason is known"
    return NotWritten(f"{file.name} cannot be written in {file.parent} ({why}). Choose another place for it.", why)


def _not_written(file: Path, error: OSError) -> NotWritten:
    remedy, why = remedy_of(error), error.strerror or "no reason is known"
    return NotWritten(
        f"{file.name} could not be written in {file.parent} ({why}). What was there before is as it was. "
        f"{remedy[0].upper()}{remedy[1:]}, and try again.",
        why,
    )


def remedy_of(error: OSError) -> str:
    """What to do first where something could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room"
    if error.errno == errno.EFBIG:  # Python ignores SIGXFSZ, which would end the process
        return "raise the limit on the size of files (ulimit -f)"
    return "see that the folder can be written to"
