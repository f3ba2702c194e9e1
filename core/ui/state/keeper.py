"""A tab's run: what is told to it is kept in the background, and what was kept is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from ...answer import Target
from ...errors import RunBusy
from ...runs.budget import size_of
from ...runs.draft import Draft
from ...runs.manifest import Why
from ...runs.run import Run
from ...runs.turns import Exchange as Turn
from ...vlm.model import ModelCard
from ...vlm.spec import ModelSpec
from .writer import Writer

PATIENCE = 20.0
"""Seconds that are waited for a run of this server that is just being let go of."""
_ending: WeakValueDictionary[str, threading.Event] = WeakValueDictionary()
"""What is set when a run is let go of; as long as the thread that does it lives."""
_keepers: WeakValueDictionary[str, RunKeeper] = WeakValueDictionary()


class RunKeeper:
    """The run of one tab. Nothing here waits for the disk. `path` are the turns on screen, by their ids; of a run that
    is only looked at (`looking`), nothing is kept. `turns` are those on screen as the run has them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.looking = not run.writable
        self.title = run.manifest.shown_title
        self.path: list[str] = []
        self.turns: dict[str, Turn] = {}
        self.read: set[str] = set()
        self.whose = {model.card.fingerprint for model in run.manifest.models}
        """The models whose cards are kept, by fingerprint."""
        self.told: set[str] = set()
        """What of its damage was told."""
        self.known: dict[str, object] = {}
        """What was last told, by what it is, so that nothing is told twice."""
        self._bytes = [0]
        self._writer = Writer(run.close)
        if run.writable:
            _ending[run.id] = self._writer.ended
            _keepers[run.id] = self
        self.measure()

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def bytes(self) -> int:
        """What the run takes on the disk, as far as it was measured."""
        return self._bytes[0]

    @property
    def waiting(self) -> bool:
        """Whether something is not on the disk yet."""
        return self._writer.progress.waiting > 0

    @property
    def trouble(self) -> str | None:
        """Why something could not be written, as a sentence."""
        return self._writer.progress.trouble

    def lost(self) -> str | None:
        """What could not be kept at all, told once."""
        lost, self._writer.progress.lost = self._writer.progress.lost, None
        return lost

    def do(self, work: Callable[[Run], object], name: str | None = None) -> None:
        """Do something with the run when all before it is kept; of one `name`, only the last that waits."""
        if not self.looking:
            run = self.run
            self._writer.do(lambda: (work(run), None)[1], name)

    def again(self) -> None:
        """Try once more what could not be written."""
        self._writer.again()

    def flush(self, seconds: float) -> bool:
        """Wait until all is kept, no longer than this. Whether it is."""
        return self._writer.flush(seconds)

    def rest(self) -> None:
        """Let others keep the run once all is written, until something is kept here again."""
        if not self.looking and not self._writer.progress.failed:
            self._writer.do(self.run.rest, "rest")

    def wake(self) -> bool:
        """Keep the run again after a rest. Whether nobody else did meanwhile; if somebody did, it is only looked at
        from now on."""
        try:
            self.run.wake()
        except RunBusy:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Let others keep the run, once all is written. Returns at once."""
        self.looking = True
        self._writer.end()

    def add(self, turn: Turn, card: ModelCard | None, spec: ModelSpec | None) -> None:
        """Keep a turn, as it is now."""
        self.turns[turn.id] = turn
        if turn.id not in self.path:
            self.path.append(turn.id)
        if len(self.path) == 1 and not self.run.manifest.title:
            self.title = turn.question.text
        self.do(lambda run: run.add(turn, card, spec))

    def cut(self, index: int, why: Why) -> None:
        """Leave the turns on screen from `index` on."""
        first, self.path = self.path[index], self.path[:index]

        def leave(run: Run) -> None:
            if first in run.manifest.path:
                run.cut(run.manifest.path.index(first), why)

        self.do(leave)

    def restore(self, path: tuple[str, ...]) -> None:
        """Go on with a conversation that was left."""
        self.path = list(path)

        def back(run: Run) -> None:
            branch = next((one for one in run.manifest.branches if one.path == path), None)
            if branch is not None:
                run.restore(branch.id)

        self.do(back)

    def target(self, turn: str, target: Target | None) -> None:
        """What is explained of a turn's answer."""
        self.do(lambda run: run.set_target(turn, target), f"target {turn}")

    def draft(self, draft: Draft) -> None:
        """What is being composed."""
        self.do(lambda run: run.keep_draft(draft), "draft")

    def remember(self, place: Mapping[str, object]) -> None:
        """Where one is in pages."""
        self.do(lambda run: run.remember(place), "place")

    def rename(self, title: str) -> None:
        """Call the run something else; an empty title is the first question."""
        self.title = " ".join(title.split()) or next((turn.question.text for turn in self.turns.values()), "")
        self.do(lambda run: run.rename(title), "title")

    def change(self, work: Callable[[Run], object]) -> None:
        """Change at once what the run says of itself. Raises NotWritten."""
        self.flush(PATIENCE)
        work(self.run)
        self.title = self.run.manifest.shown_title

    def measure(self) -> None:
        """Find out what the run takes."""
        kept, folder = self._bytes, self.run.folder

        def look() -> None:
            kept[0] = size_of(folder)

        self._writer.do(look, "measure")


def wait_until_free(id_: str) -> None:
    """Wait, not too long, for a keeper of this server that lets go of a run."""
    ended, keeper = _ending.get(id_), _keepers.get(id_)
    if ended is not None and (keeper is None or keeper.looking):
        ended.wait(PATIENCE)
        _ending.pop(id_, None)
