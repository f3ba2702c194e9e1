"""One writer at a time: a lock of the operating system's, which ends with the process however that ends."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import RunBusy, RunError


class RunLock:
    """That nobody else writes to a run. Raises RunBusy where somebody does: another tab of this server, or another
    process; RunError where the folder has no locks."""

    def __init__(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # (pages take it in one thread and give it back in another)
            self._lock = FileLock(file, timeout=0, thread_local=False)
            self._lock.acquire()
        except Timeout as error:
            raise RunBusy(
                "This run is open in another tab or process, which keeps it. Go on there, or look at it here without "
                "keeping anything, or go on with a duplicate."
            ) from error
        except (OSError, NotImplementedError) as error:
            raise RunError(
                f"{file.parent} cannot be written to ({error}). Choose another folder for runs with SIGHTLINE_DATA."
            ) from error

    def release(self) -> None:
        """Let others write; once more does nothing."""
        self._lock.release()
