"""One writer at a time: a lock of the operating system's, which ends with the process however that ends."""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import NotWritten, RunBusy, RunError
from ..writing import write_whole

BUSY = (
    "This run is open in another tab or process, which keeps it. Go on there, or look at it here without keeping "
    "anything, or go on with a duplicate."
)


class RunLock:
    """That nobody else writes to a run. Raises RunBusy where somebody does: another tab of this server, or another
    process; RunError where the folder has no locks.

    A holder that has nothing to write may `rest`, and lets others have it; beside the lock stands who had it last, so
    that it can `wake` only where nobody had it in between."""

    def __init__(self, file: Path) -> None:
        self._last, self._name = file.with_suffix(".last"), secrets.token_hex(8)
        self.resting = False
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # (pages take it in one thread and give it back in another)
            self._lock = FileLock(file, timeout=0, thread_local=False)
            self._lock.acquire()
            try:
                # Removed before it is written: on a full disk nobody must be taken for the last one.
                self._last.unlink(missing_ok=True)
                self._sign()
            except BaseException:
                self._lock.release()
                raise
        except Timeout as error:
            raise RunBusy(BUSY) from error
        except (OSError, NotImplementedError) as error:
            raise RunError(
                f"{file.parent} cannot be written to ({error}). Choose another folder for runs with SIGHTLINE_DATA."
            ) from error

    def _sign(self) -> None:
        signed = {"holder": self._name, "process": os.getpid(), "since": time.time()}
        with suppress(NotWritten):
            write_whole(self._last, json.dumps(signed).encode())

    def rest(self) -> None:
        """Let others have it until this wakes."""
        self.resting = True
        self._lock.release()

    def wake(self) -> None:
        """Hold it again. Raises RunBusy where somebody else has it, or had it."""
        if not self.resting:
            return
        try:
            self._lock.acquire()
        except (Timeout, OSError) as error:
            raise RunBusy(BUSY) from error
        try:
            last = json.loads(self._last.read_text()).get("holder")
        except (OSError, ValueError, AttributeError):
            last = None
        if last != self._name:
            self._lock.release()
            raise RunBusy("Somebody else has gone on with this run meanwhile. Open it once more to see it as it is.")
        self.resting = False

    def release(self) -> None:
        """Let others write; once more does nothing."""
        self._lock.release()
