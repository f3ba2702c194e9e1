"""What the History page shows, kept when it is left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..state.view import View

Order = Literal["begun last", "changed last", "largest", "by title"]


@dataclass(frozen=True)
class Told:
    """What came of the last click, as a sentence. `deleted` are runs that went to the trash by it, and can be put back;
    `damage` says of a bundle that was taken in what is broken, a sentence each."""

    sentence: str
    deleted: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    wrong: bool = False


@dataclass(eq=False)
class Packed:
    """A file of a run that is ready: of which, as what, and where. The folder goes with the tab."""

    run: str
    handed: str
    file: Path
    folder: tempfile.TemporaryDirectory[str]


@dataclass(eq=False)
class HistoryView(View):
    """What is chosen. `about` is the run whose title, tags and notes are being written, `packing` the one of which
    a file is being made and as what, `packed` the last file that is ready, `chosen` the runs to be compared, the first
    chosen first, and `comparing` whether they are. `last` is what is done when all else is drawn: nothing is dimmed
    meanwhile."""

    told: Told | None = None
    about: str | None = None
    packing: tuple[str, str] | None = None
    packed: Packed | None = None
    chosen: tuple[str, ...] = ()
    comparing: bool = False
    emptying: bool = False
    last: Callable[[], None] | None = None
    uploads: int = 0
