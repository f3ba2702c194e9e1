"""Importing what pages are made of: once, by one thread, told in a sentence where it fails.

Pages are drawn by a thread each. Two that import `transformers` at the same time find each other's half-made modules;
so whoever is first imports all of it, and the others wait. `with imports():` stands around the imports of each page.

Importing torch and transformers makes a million objects that live as long as the process. Searching them for garbage
over and over takes a seventh of that time, so the collector rests meanwhile; afterwards they are set aside for good,
or else each later search would look through all of them, in the middle of somebody's click. Whatever else there is at
that moment is set aside with them, and never collected: so a server answers nobody before (`import_ahead`), or the
first tabs, with all they hold, would stay until it ends.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ..errors import unimportable

log = logging.getLogger(__name__)

BROKEN = (
    "This page cannot be shown: a part of Sightline fails when it is imported. `sightline doctor` tells what is "
    "there; the terminal has the details."
)
BY_ITSELF = (
    "This page was started by itself, and then nothing stands before it that asks who is let in. Start the dashboard "
    "with `sightline`, or with `streamlit run Home.py`, and open the page there."
)
PAGES = "pages"
"""The folder of pages. The script that the gate stands before (`serving.guarded`) lies beside it."""
_lock = threading.RLock()
_done = False


@contextmanager
def imports() -> Iterator[None]:
    """Around the imports of a page: no other thread imports meanwhile, and where one fails, or where the page was
    started without the gate, it ends with a sentence."""
    _refuse_by_itself()
    with _lock:
        try:
            import_all()
            yield
            return
        except ImportError as error:  # for one, a torchvision that was built for another torch
            log.exception("an import failed")
            told = unimportable(error)
        except Exception:
            log.exception("an import failed")
            told = BROKEN
    st.error(told, icon=":material/error:")
    st.stop()


def _refuse_by_itself() -> None:
    context = get_script_run_ctx()
    if context is not None and Path(context.main_script_path).parent.name == PAGES:
        st.error(BY_ITSELF, icon=":material/error:")
        st.stop()


def import_all() -> None:
    """Import what takes long, unless it is here already. Raises ImportError."""
    global _done
    with _lock:
        if _done:
            return
        collecting = gc.isenabled()
        gc.disable()
        try:
            from ..vlm.loading import import_backend

            import_backend()
            gc.freeze()
            _done = True
        finally:
            if collecting:
                gc.enable()


def import_one(name: str, package: str | None) -> None:
    """Import a module while no other thread imports."""
    with _lock:
        import_module(name, package)


def import_ahead() -> None:
    """Import it before there is any page. What fails is told where a page imports it."""
    try:
        import_all()
    except Exception:
        log.debug("imports fail", exc_info=True)
