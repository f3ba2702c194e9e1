"""What the History page shows, kept when it is left."""

from __future__ import annotations

import tempfile
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
    """A bundle that is ready: of which run, and where. The folder goes with the tab."""

    run: str
    file: Path
    folder: tempfile.TemporaryDirectory[str]


@dataclass(eq=False)
class HistoryView(View):
    """What is chosen. `about` is the run whose title, tags and notes are being written, `packing` the one that is being
    made a bundle and `packed` the last that is one, `chosen` those to be compared, the first chosen first, and
    `comparing` whether they are."""

    told: Told | None = None
    about: str | None = None
    packing: str | None = None
    packed: Packed | None = None
    chosen: tuple[str, ...] = ()
    comparing: bool = False
    emptying: bool = False
    uploads: int = 0
