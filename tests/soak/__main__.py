"""Many at once on one server for a while: what each sees stays its own, and nothing is left behind.

Sessions ask, stop answers, click through pages, reload, and close their tabs in the middle of an answer, each about a
picture of its own and with questions that say whose they are. It fails where one sees what another asked, where a run
holds what two asked, where an answer is not what the model says alone, where memory grows past the budget, where a
thread is left, or where a page or the server's log tells of an error. The curve of memory is written beside.

Run: `make soak`, or `OMP_NUM_THREADS=1 python -m tests.soak --minutes 5`, on Linux.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from websockets.exceptions import ConnectionClosed

from core.runs.store import RunStore
from core.street.draw import draw
from core.street.recipe import SceneRecipe
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, load_model
from tests.served.server import Served, served
from tests.served.tab import Tab
from tests.soak.checks import (
    Sample,
    cross_talk,
    curve,
    grown,
    marked,
    other_answers,
    threads_left,
    tracebacks,
    whose,
)

ASKED = ("What color is the house?", "Where is the car?", "How many trees are there?", "Is there a person?")
PAGES = ("Attention_Explorer", "Relevancy", "Causal_Graph", "Mechanisms")
DEEDS = ("ask", "ask", "ask", "stop", "look", "reload", "leave")
PATIENCE = 300.0
REMEMBERED, AFTER = 125.0, 15.0
"""Seconds for which Streamlit remembers a closed tab, and in which what that tab began may end then."""
BUDGET = 100_000_000
OWN = "keeping a run"
"""The thread that a conversation has while its tab is there or remembered."""
ROOM = 600_000_000
"""Bytes that the work of eight at once may take beside what is kept."""


@dataclass
class Session:
    """One person, who opens a tab after the other."""

    number: int
    app: Served
    until: float
    seed: int
    wrong: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def live(self) -> None:
        chance = random.Random(self.seed * 1000 + self.number)
        try:
            while time.monotonic() < self.until:
                self._one_tab(chance)
        except (LookupError, ConnectionClosed, OSError, TimeoutError) as error:
            self.wrong.append(f"session {self.number} could not go on after {dict(self.done)}: {error!r}")

    def ask_once(self) -> None:
        """In a tab that is closed then. Raises what `live` tells."""
        tab = self.look_in(close=False)
        tab.say(marked(ASKED[0], self.number, 0))
        self._whole(tab)
        tab.close()

    def look_in(self, close: bool = True) -> Tab:
        """Open a tab; Streamlit forgets what it need not remember any longer when it next hears of one."""
        tab = Tab(self.app.address, "Chat", f"scene={self.number}")
        self._whole(tab)
        if close:
            tab.close()
        return tab

    def _one_tab(self, chance: random.Random) -> None:
        tab = self.look_in(close=False)
        try:
            while time.monotonic() < self.until:
                deed = chance.choice(DEEDS)
                self.done[deed] += 1
                if deed == "look":
                    for page in (chance.choice(PAGES), "Chat"):
                        tab.go(page)
                        self._whole(tab)
                elif deed == "reload":
                    tab.reload()
                    self._whole(tab)
                else:
                    tab.say(marked(chance.choice(ASKED), self.number, sum(self.done.values())))
                    if deed == "leave":
                        tab.settle(chance.uniform(0, 1))
                        return
                    if deed == "stop":
                        self._stop(tab)
                    self._whole(tab)
                self._own(tab)
        finally:
            tab.close()
            self.wrong += [f"session {self.number} was shown: {error}" for error in tab.errors]

    def _stop(self, tab: Tab) -> None:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            tab.settle(0.1)
            if "stop_answer" in tab.buttons():
                tab.click("stop_answer")
                self.done["stopped"] += 1
                return

    def _whole(self, tab: Tab) -> None:
        if not tab.settle(PATIENCE):
            raise TimeoutError(f"{tab.page} is not whole after {PATIENCE:.0f} s")

    def _own(self, tab: Tab) -> None:
        for who, said in tab.conversation():
            if who == "user" and whose(said) not in (None, self.number):
                self.wrong.append(f"session {self.number} saw {said!r}")
            self.done["seen"] += who == "user" and whose(said) == self.number


def soak(home: Path, minutes: float, sessions: int, seed: int, table: Path | None) -> list[str]:
    """What does not hold, in sentences."""
    with served(home, {"SIGHTLINE_KEPT_BYTES": str(BUDGET)}) as app:
        first = Session(0, app, time.monotonic(), seed)
        first.ask_once()
        time.sleep(AFTER)
        threads = [name for name in app.threads() if name != OWN]
        end = time.monotonic() + 60 * minutes
        people = [Session(number, app, end, seed) for number in range(1, sessions + 1)]
        with _watched(app) as samples:
            living = [threading.Thread(target=one.live) for one in people]
            for thread in living:
                thread.start()
            for thread in living:
                thread.join()
        time.sleep(REMEMBERED)
        # What Streamlit forgets as the first tab closes and what refers to itself is collected after the second's page.
        first.look_in()
        first.look_in()
        time.sleep(AFTER)
        left = threads_left(threads, app.threads())
        log = app.log
        data = app.data
    if table is not None:
        curve(samples, table)
    done = sum((one.done for one in people), Counter[str]())
    pictures = {number: draw(SceneRecipe(number).scene()).image for number in range(sessions + 1)}
    runs = RunStore(data)
    mixed, turns = cross_talk(runs, pictures)
    model = load_model(EMBEDDED)
    differ, compared = other_answers(runs, lambda kept: ask(model, kept.question, keep_attention=False), 4 * sessions)
    high = max(sample.bytes for sample in samples)
    print(
        f"{dict(done)}; {turns} turns kept, {compared} asked again; memory {samples[0].bytes / 1e6:,.0f} MB at first,"
    )
    print(f"{high / 1e6:,.0f} MB at most, {samples[-1].bytes / 1e6:,.0f} MB at the end")
    wrong = [line for one in (first, *people) for line in one.wrong]
    wrong += mixed + differ + [f"left: {line}" for line in left] + [f"logged: {line}" for line in tracebacks(log)]
    if not (done["seen"] and done["stopped"] and turns and compared):
        wrong.append("too little was done to tell anything")
    return wrong + grown(samples, BUDGET, ROOM)


@contextmanager
def _watched(app: Served) -> Iterator[list[Sample]]:
    samples: list[Sample] = []
    began, over = time.monotonic(), threading.Event()

    def watch() -> None:
        while True:
            samples.append(Sample(time.monotonic() - began, app.memory()))
            if over.wait(1):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", type=Path, help="a CSV of seconds and MB")
    options = parser.parse_args()
    with TemporaryDirectory() as home:
        wrong = soak(Path(home), options.minutes, options.sessions, options.seed, options.curve)
    for line, times in Counter(wrong).most_common():
        print(f"{times} x {line}")
    raise SystemExit(f"{len(wrong)} things do not hold" if wrong else None)


if __name__ == "__main__":
    main()
