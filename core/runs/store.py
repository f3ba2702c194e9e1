"""All runs of a folder: begun, listed, opened, duplicated, deleted and brought back.

DATA/runs/20260131-235959-0a1b2c/    a run
DATA/trash/...                       runs that were deleted, until the trash is emptied
DATA/locks/...                       who keeps which run
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import NotWritten, RunDamaged, RunError
from ..writing import remove_parts
from .budget import DAY, Proposal, StoreLimits, proposals, size_of
from .codec.form import Given, Out
from .codec.hints import form_of
from .identity import check_run_id, is_run_id, new_run_id
from .info import RunInfo, run_info
from .lock import RunLock
from .manifest import KeptModel, Manifest, versions
from .opening import FOLDERS, opened
from .pieces import decoded, encoded, read_piece, write_piece
from .place import data_folder
from .public import can_be_had
from .run import Run, write_manifest

_LIMITS = form_of(StoreLimits)
MAKING = ".making-"
"""How the names of folders begin that are not whole yet."""


class RunStore:
    """The runs of a folder (by default the user's own, or what SIGHTLINE_DATA names), which need not be there yet."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = data_folder() if folder is None else folder
        self._runs, self._trash, self._locks = (self.folder / name for name in ("runs", "trash", "locks"))

    def create(self, title: str = "") -> Run:
        """Begin a run. Raises NotWritten, RunError."""
        id_ = new_run_id()
        lock = RunLock(self._lock_file(id_))
        try:
            now = time.time()
            manifest = Manifest(id_, now, now, versions=versions())
            (self._runs / id_).mkdir(parents=True)
            write_manifest(self._runs / id_, manifest)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                raise NotWritten(
                    f"{self._runs} cannot be written to ({error.strerror}). Choose another folder."
                ) from error
            raise
        run = Run(self._runs / id_, manifest, lock)
        if title:
            run.rename(title)
        return run

    def has(self, folder: Path) -> bool:
        """Whether this is the folder of one of these runs."""
        return folder.parent == self._runs

    def open(self, id_: str, *, only_look: bool = False) -> Run:
        """Open a run, to go on with it, or `only_look` at it, which any number may do. What of it cannot be read stands
        in its `damage`. Raises RunError where there is no such run or nothing of it can be read, RunBusy where somebody
        else goes on with it."""
        folder = self._there(id_)
        lock = None if only_look else RunLock(self._lock_file(id_))
        try:
            if lock is not None:
                for place in (folder, *(folder / name for name in FOLDERS)):
                    remove_parts(place)
            manifest, damage = opened(folder)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return Run(folder, manifest, lock, damage)

    def list(self) -> tuple[RunInfo, ...]:
        """All runs, the one begun last first. Reads no more than what each says of itself."""
        return tuple(run_info(folder) for folder in _folders(self._runs))

    def info(self, id_: str) -> RunInfo:
        """One of them. Raises RunError."""
        return run_info(self._there(id_))

    def model(self, fingerprint: str, but: str = "") -> KeptModel | None:
        """The model of a fingerprint as the newest run has it that knows how to load it, one run (`but`) left out; None
        where none does."""
        others = (run.manifest for run in self.list() if run.manifest is not None and run.id != but)
        known = (manifest.model(fingerprint) for manifest in others)
        return next((one for one in known if one and one.spec is not None and can_be_had(one.spec.source)), None)

    def rename(self, id_: str, title: str) -> None:
        """Give a run that is not open another title. Raises RunBusy, RunError."""
        with self.open(id_) as run:
            run.rename(title)

    def tag(self, id_: str, *tags: str) -> None:
        """Give a run that is not open these tags and no others. Raises RunBusy, RunError."""
        with self.open(id_) as run:
            run.tag(*tags)

    def duplicate(self, id_: str) -> str:
        """Copy a run, open or not, and return what the copy is called. Raises RunError, NotWritten."""
        source, new = self._there(id_), new_run_id()
        try:
            with self.making() as making:
                shutil.copytree(source, making, symlinks=True, ignore=shutil.ignore_patterns("*.part"))
                manifest, _ = opened(making)
                now, title = time.time(), f"{manifest.shown_title} (copy)"
                write_manifest(making, replace(manifest, id=new, title=title, created=now, changed=now))
                making.replace(self._runs / new)
        except (OSError, shutil.Error) as error:
            raise NotWritten(f"The run could not be copied ({error}). Make room, and try again.") from error
        return new

    @contextlib.contextmanager
    def making(self) -> Iterator[Path]:
        """A place among the runs for a folder that is not whole yet: what is still there when the block ends is
        removed, and so is what a killed process left a day ago."""
        self._runs.mkdir(parents=True, exist_ok=True)
        for left in self._runs.glob(f"{MAKING}*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > DAY:
                    shutil.rmtree(left)
        folder = self._runs / f"{MAKING}{secrets.token_hex(4)}"
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def delete(self, id_: str) -> None:
        """Move a run to the trash, from which `undelete` brings it back. Raises RunBusy where it is open."""
        self._move(id_, self._there(id_), self._trash)

    def undelete(self, id_: str) -> None:
        """Bring a run back from the trash. Raises RunError."""
        folder = self._trash / check_run_id(id_)
        if not folder.is_dir():
            raise RunError("This run is not in the trash. It may have been removed for good.")
        self._move(id_, folder, self._runs)

    def trash(self) -> tuple[RunInfo, ...]:
        """The runs in the trash, the one begun last first."""
        return tuple(run_info(folder) for folder in _folders(self._trash))

    def empty_trash(self) -> int:
        """Remove what is in the trash for good; how many bytes that gives back."""
        freed = sum(info.bytes for info in self.trash())
        shutil.rmtree(self._trash, ignore_errors=True)
        return freed

    def size(self) -> int:
        """Bytes of all runs, and of the trash."""
        return size_of(self.folder)

    @property
    def limits(self) -> StoreLimits:
        """Those that were set; none where nobody did, or where they cannot be read."""
        try:
            limits: StoreLimits = decoded(_LIMITS, read_piece(self.folder, "limits", "limits"), Given(), "limits.json")
        except RunDamaged:
            return StoreLimits()
        return limits

    def set_limits(self, limits: StoreLimits) -> None:
        """Set limits by age and size, beyond which `proposed` names runs. Raises NotWritten."""
        write_piece(self.folder, "limits", "limits", *encoded(_LIMITS, limits, Out()))

    def proposed(self) -> tuple[Proposal, ...]:
        """The runs that could be deleted to keep to the limits. Nothing is: that is for the user to say."""
        return proposals(self.list(), self.limits, time.time())

    def _there(self, id_: str) -> Path:
        folder = self._runs / check_run_id(id_)
        if not folder.is_dir():
            raise RunError(f"There is no run {id_} here. It may have been deleted: look into the trash.")
        return folder

    def _lock_file(self, id_: str) -> Path:
        return self._locks / f"{id_}.lock"

    def _move(self, id_: str, folder: Path, to: Path) -> None:
        lock = RunLock(self._lock_file(id_))
        try:
            to.mkdir(parents=True, exist_ok=True)
            if (to / id_).exists():
                raise RunError("A run of this name is there already. Rename its folder to go on.")
            folder.replace(to / id_)
        except OSError as error:
            raise NotWritten(f"The run could not be moved ({error.strerror}). It is where it was.") from error
        finally:
            lock.release()


def _folders(place: Path) -> list[Path]:
    """Folders of runs, the one begun last first."""
    try:
        with os.scandir(place) as inside:
            names = [one.name for one in inside if one.is_dir(follow_symlinks=False) and is_run_id(one.name)]
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise RunError(f"{place} cannot be read ({error.strerror}). Choose another folder for runs.") from error
    return [place / name for name in sorted(names, reverse=True)]
