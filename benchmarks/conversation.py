"""How does the server's memory grow in one long conversation? The app's own server, and a tab that asks 50 questions.

What is told is the resident memory after every fifth answer. `--budget` sets `SIGHTLINE_KEPT_BYTES`, the bytes that
everything together may take which is kept to be looked at again; without it that is a quarter of what is free.
`--pages` also looks at each page after every fifth question, where attention, maps and graphs are computed and kept.
Run: `OMP_NUM_THREADS=1 python -m benchmarks.conversation`, on Linux.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.served.server import served
from tests.served.tab import Tab

THINGS = ("house", "car", "tree", "sky", "sun", "door", "roof", "street", "person", "sign")
ASKED = ("What color is the {}?", "Where is the {}?", "How many are like the {}?", "Is there a {}?", "What is the {}?")
PAGES = ("Attention_Explorer", "Relevancy", "Causal_Graph", "Mechanisms")
PATIENCE = 300.0


def measured(asks: int, budget: int | None, pages: bool) -> Iterator[tuple[int, int]]:
    """How many were asked, and the bytes that the server then had, every fifth time and before the first."""
    with TemporaryDirectory() as folder:
        environment = {} if budget is None else {"SIGHTLINE_KEPT_BYTES": str(budget)}
        with served(Path(folder), environment) as app:
            tab = Tab(app.address, "Chat", "scene=27")
            _whole(tab)
            yield 0, app.memory()
            for number in range(asks):
                before = len(tab.conversation())
                tab.say(ASKED[number // len(THINGS) % len(ASKED)].format(THINGS[number % len(THINGS)]))
                _whole(tab)
                said = tab.conversation()
                if len(said) != before + 2 or tab.errors or tab.has(f"trouble_{number}"):
                    raise SystemExit(f"question {number + 1} was not answered: {tab.errors or said[-2:]}")
                if (number + 1) % 5:
                    continue
                for page in PAGES if pages else ():
                    tab.go(page)
                    _whole(tab)
                if pages:
                    tab.go("Chat")
                    _whole(tab)
                time.sleep(1)  # runs are kept in the background
                yield number + 1, app.memory()
            tab.close()


def _whole(tab: Tab) -> None:
    if not tab.settle(PATIENCE):
        raise SystemExit(f"the page is not whole after {PATIENCE:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--asks", type=int, default=50)
    parser.add_argument("--budget", type=float, help="megabytes that may be kept")
    parser.add_argument("--pages", action="store_true", help="look at each page after every fifth question")
    options = parser.parse_args()
    budget = None if options.budget is None else int(options.budget * 1e6)
    for asked, held in measured(options.asks, budget, options.pages):
        print(f"{asked:3} asked: {held / 1e6:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
