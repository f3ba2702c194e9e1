"""A part of a page that runs by itself: a net under it, and what is new is kept when it ends, as of a whole page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec

import streamlit as st

from ...errors import NeedsItsModel
from ..serving import WENT_WRONG
from ..state.keeping import keep
from ..state.opening import held
from ..state.place import forget_choices, note_widgets
from ..state.workspace import Workspace
from .chips import escaped

log = logging.getLogger(__name__)
More = ParamSpec("More")


def part(
    draw: Callable[Concatenate[Workspace, More], None], run_every: float | None = None
) -> Callable[Concatenate[Workspace, More], None]:
    """Draw this as a fragment of the page. A click in one runs it without its page, and so without what is around
    that. `run_every`: it runs by itself every so many seconds, too."""

    @st.fragment(run_every=run_every)
    @wraps(draw)
    def fragment(workspace: Workspace, /, *more: More.args, **named: More.kwargs) -> None:
        with safety_net(workspace), keeping(workspace):
            draw(workspace, *more, **named)

    return fragment


@contextmanager
def keeping(workspace: Workspace) -> Iterator[None]:
    """Whatever is new in the tab when this ends is kept, however it ends."""
    try:
        yield
    finally:
        note_widgets(workspace)
        keep(workspace)
        held(workspace)


@contextmanager
def safety_net(workspace: Workspace, told: str = WENT_WRONG) -> Iterator[None]:
    """Whatever goes wrong inside is told in a sentence, by default that of a page.

    Where settings were taken from a run, which may be those of another version or of somebody else, they are let go of
    first, and the page is drawn once more.
    """
    try:
        yield
    except NeedsItsModel as error:
        st.info(escaped(str(error)), icon=":material/neurology:")
    except Exception:
        log.exception("a page failed")
        if workspace.restored:
            forget_choices(workspace)
            st.rerun()
        st.error(told, icon=":material/error:")
