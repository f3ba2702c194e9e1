"""Long work that a fragment asks for and the page does.

A click in a fragment waits until the fragment has run, so a Stop button drawn there would be heard only when the work
has ended. Therefore a fragment leaves word of what it waits for and has the whole page run again. The page waits before
the fragment, whose former drawing stays on screen meanwhile, with Stop in a box of the page's own. The box stands in a
corner of the window, because what was clicked may be anywhere on a long page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

from .job import Job

_STYLE = """<style>
.st-key-deferred { position: fixed; bottom: 1.5rem; right: 2rem; width: min(26rem, 90vw) !important; z-index: 100;
  background: Canvas; box-shadow: 0 2px 12px rgb(0 0 0 / 0.25); }
</style>"""


@dataclass(eq=False)
class Deferred:
    """At most one job that was left to the page, which keeps what it finds, and what went wrong, by itself.

    `watched` is the job that the page waits for at present. A click on Stop begins another run of the page while the
    former one is only just ending, and what the job had done by then must be there to be shown.
    """

    left: Callable[[], None] | None = None
    watched: Job[None] | None = None

    def leave(self, deferred_work: Callable[[], None]) -> NoReturn:
        """Have the page run again and do this first. To be called by a fragment."""
        self.left = deferred_work
        st.rerun()

    def run(self) -> None:
        """Do what was left. To be called by the page, outside any fragment and before the one that left it."""
        if self.watched is not None:
            self.watched.stop()
            self.watched = None
        deferred_work, self.left = self.left, None
        place = st.empty()
        if deferred_work is None:
            return
        with place.container(border=True, key="deferred"):
            st.html(_STYLE)
            deferred_work()
        place.empty()
