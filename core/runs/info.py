"""What a list of runs tells of each: read once, and again only when its folder has changed."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..errors import RunDamaged
from .budget import size_of
from .manifest import Manifest
from .opening import FOLDERS, read_manifest
from .pictures import Pictures
from .run import MANIFEST_NAME

MOST_KNOWN = 10_000
"""Runs of which what was read is kept in memory."""
SETTLED = 2.0
"""Seconds after which a folder's time tells of every change: within one tick of its clock two look alike."""
State = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RunInfo:
    """A run in a list. `bytes` are what it takes; `trouble` is why it cannot be read as it was kept, as a sentence:
    `manifest` is None then, and opening it may still show most of it."""

    id: str
    folder: Path
    bytes: int
    manifest: Manifest | None
    trouble: str | None = None

    @property
    def title(self) -> str:
        """What it is called. Untrusted text."""
        return self.manifest.shown_title if self.manifest else f"Damaged run of {self.id[:8]}"

    @property
    def created(self) -> float:
        """When it was begun, in seconds since 1970; of a damaged one, when its folder was last touched."""
        return self.manifest.created if self.manifest else self._touched

    @property
    def changed(self) -> float:
        """When it was last changed; what was computed since counts as its folder's own time."""
        return max(self.manifest.changed, self._touched) if self.manifest else self._touched

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that answered. Untrusted text."""
        return tuple(model.card.name for model in self.manifest.models) if self.manifest else ()

    def thumbnail(self) -> Image.Image | None:
        """Its first picture, small; None where it has none that can be read."""
        name = self.manifest.first_picture if self.manifest else None
        return None if name is None else Pictures(self.folder).small(name)

    @property
    def _touched(self) -> float:
        places = [folder for folder in (self.folder, self.folder / "results") if folder.exists()]
        return max((place.stat().st_mtime for place in places), default=0.0)


_known: dict[Path, tuple[State, RunInfo]] = {}
_guard = threading.Lock()


def run_info(folder: Path) -> RunInfo:
    """What a run's folder tells, from memory where nothing has come into it, gone or been replaced since."""
    state = _state(folder)
    with _guard:
        known = _known.get(folder)
    if known is not None and known[0] == state:
        return known[1]
    info = _read(folder)
    settled = time.time_ns() - max(state, default=0) > SETTLED * 1e9
    with _guard:
        _known.pop(folder, None)
        if settled:
            _known[folder] = (state, info)
            while len(_known) > MOST_KNOWN:
                del _known[next(iter(_known))]
    return info


def _state(folder: Path) -> State:
    """When names last changed in a run's folders, and run.json itself. Files of a run are renamed into their place, so
    that each change is one of names."""
    return tuple(_changed(f"{folder}{name}") for name in _WATCHED)


_WATCHED = ("", *(f"/{name}" for name in (*FOLDERS, f"{MANIFEST_NAME}.json")))


def _changed(place: str) -> int:
    try:
        return os.lstat(place).st_mtime_ns
    except OSError:
        return 0


def _read(folder: Path) -> RunInfo:
    try:
        return RunInfo(folder.name, folder, size_of(folder), read_manifest(folder))
    except RunDamaged as error:
        return RunInfo(folder.name, folder, size_of(folder), None, str(error))
