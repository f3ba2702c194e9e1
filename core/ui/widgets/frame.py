"""What every page has around it: its title, the model bar, the link, and a net under it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import streamlit as st
from PIL import Image, ImageDraw
from streamlit.delta_generator import DeltaGenerator

from ...answer import Answer
from ...charts.palette import HIDDEN_RGB
from ...errors import SightlineError
from ...vlm.model import VisionLanguageModel
from ..serving import WENT_WRONG
from ..state import link, models
from ..state.keeping import keep
from ..state.opening import bring_to_life
from ..state.person import person
from ..state.workspace import Workspace, current_workspace
from . import handing_over, model_bar, model_chooser, replay_check, run_bar
from .chips import escaped
from .entries import one_entry
from .login import ask_to_log_in
from .part import keeping, safety_net

log = logging.getLogger(__name__)

PART = "This part cannot be shown. The page goes on without it; the terminal has the details."

_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.4rem 2.5rem 2rem; max-width: 1320px; }
h1 { font-size: 2rem !important; padding: 0 0 0.5rem 0 !important; }
[data-testid="stChatMessage"] { padding: 0.4rem 0.6rem; }
[data-testid="stSidebar"] [data-testid="stText"] { text-align: right; overflow-wrap: anywhere; }
[data-testid="stSidebar"] :is([data-testid="stExpander"], .st-key-model_trouble, .st-key-linked_model)
  [data-testid="stText"] { text-align: left; }
[data-testid="stSidebar"] [data-testid="stVerticalBlock"] { gap: 0.55rem; }
[data-testid="stStatusWidget"] button { display: none; }
[data-stale="true"] { opacity: 1 !important; }
[data-testid="stApp"] :is(a, button, [role="slider"], [role="tab"], summary):focus-visible,
[data-testid="stApp"] label:has(input:focus-visible) {
  outline: 2px solid #2f8fc4 !important; outline-offset: 1px; }
.st-key-entries { position: absolute; left: 0; width: 1px !important; overflow: hidden; }
.st-key-canvas_area { overflow: hidden; }
[data-testid="stElementToolbarButton"]:has([aria-label^="Download as CSV"]) { display: none; }
[class*="st-key-strip_"] { overflow-x: auto; padding-bottom: 0.5rem; }
[class*="st-key-strip_"] > * { flex: 0 0 auto !important; }
[class*="st-key-wide_"] [data-testid="stVegaLiteChart"] { max-width: 100%; overflow-x: auto; }
@media (max-width: 640px) {
  [class*="st-key-gallery_"] [data-testid="stHorizontalBlock"] { flex-wrap: nowrap; gap: 0.4rem; }
  [class*="st-key-gallery_"] [data-testid="stColumn"] { min-width: 0 !important; flex: 1 1 0 !important; }
  [class*="st-key-gallery_"] button { padding: 0.25rem 0; }
}
@media (max-width: 1200px) { [data-testid="stVegaLiteChart"] { max-width: 100%; overflow-x: auto; } }
</style>"""
"""Spacing, a ring round what the keyboard is at that is seen in light and dark, a page that stays legible while
something long is done for it, one Stop instead of two (the header's leaves a half-drawn page), no download of tables
but our own (Streamlit's has formulas in it), and figures wider than a page that are scrolled by themselves: their size
is fixed, so that pictures and what lies over them stay together. Nothing of a model or a user is ever put into
markup."""


@contextmanager
def frame(title: str, *, explains: bool = False) -> Iterator[tuple[Workspace, VisionLanguageModel]]:
    """First on each page: `with frame("Chat") as (workspace, model):`.

    Draws title and sidebar, yields the tab's workspace and model, and stops the page with a sentence when
    there is no model. Whatever goes wrong inside is told in a sentence, and the workspace stays. A page that `explains`
    answers says so under its title where the model's replay is found to differ from its answers, or from this one.
    """
    workspace = _begun(title)
    with st.sidebar:
        bar = st.container()
    with _or_end():
        model = models.model_for(workspace)
    with bar:
        kept = _sidebar(workspace, model)
    if model is None:
        st.info("There is no model yet. Choose one in the bar on the left; your conversation is kept.")
        st.stop()
        raise AssertionError("st.stop returned")
    with _or_end():
        bring_to_life(workspace, model)
        unlike = st.empty()
        if explains:
            replay_check.warn(model, _inspected(workspace), unlike)
        # Charts name their colour bars by the page's address: a bar drawn before the address changes would vanish.
        link.write(workspace)
    with safety_net(workspace), keeping(workspace):
        yield workspace, model
    with safety_net(workspace):
        link.write(workspace)
        run_bar.tell_kept(workspace, kept)
        if explains:
            replay_check.finish(model, _inspected(workspace), unlike)


@contextmanager
def frame_without_model(title: str) -> Iterator[Workspace]:
    """The same on a page that needs no model: none is loaded for it, and it is there where none can be had."""
    workspace = _begun(title)
    with st.sidebar:
        model = models.store().there(workspace.spec)
        kept = _sidebar(workspace, model, "" if model else "None is loaded yet; this page needs none.")
    with _or_end():
        link.write(workspace)
    with safety_net(workspace), keeping(workspace):
        yield workspace
    with safety_net(workspace):
        link.write(workspace)
        run_bar.tell_kept(workspace, kept)


def _begun(title: str) -> Workspace:
    """The page's settings and title, and the tab's workspace with what its address names."""
    with _or_end():
        st.set_page_config(page_title=f"{title} · Sightline", page_icon=_favicon(), layout="wide")
        st.html(_STYLE)
        ask_to_log_in()
        one_entry()
        person()
        workspace = current_workspace()
        link.restore(workspace)
        keep(workspace)
        st.title(title, anchor=False)
        run_bar.run_notices(workspace)
    return workspace


@contextmanager
def _or_end() -> Iterator[None]:
    """Around what a page cannot do without: where it fails, the page ends with a sentence."""
    try:
        yield
        return
    except SightlineError as error:
        told = escaped(str(error))
    except Exception:
        log.exception("a page failed")
        told = WENT_WRONG
    st.error(told, icon=":material/error:")
    st.stop()


def _inspected(workspace: Workspace) -> Answer | None:
    return None if workspace.inspected is None else workspace.inspected.answer


@cache
def _favicon() -> Image.Image:
    """A grid of patches, one of them lit. (Streamlit fetches named icons from the network.)"""
    icon = Image.new("RGBA", (32, 32))
    pen = ImageDraw.Draw(icon)
    for row in range(3):
        for column in range(3):
            corner = (1 + 11 * column, 1 + 11 * row)
            color = HIDDEN_RGB if (row, column) == (0, 2) else (31, 131, 180)
            pen.rectangle((*corner, corner[0] + 8, corner[1] + 8), fill=color)
    return icon


def _sidebar(workspace: Workspace, model: VisionLanguageModel | None, note: str = "") -> DeltaGenerator:
    """What stands on the left. A part of it that fails is told there, and costs the page nothing else."""
    kept: DeltaGenerator | None = None
    with safety_net(workspace, PART):
        kept = run_bar.run_bar(workspace)
    with safety_net(workspace, PART):
        st.markdown(":material/neurology: **Model**")
        if model is not None:
            model_bar.card_table(model.card)
        if note:
            st.caption(note)
        model_bar.show_trouble(workspace)
        model_bar.ask_about_linked_model(workspace)
        model_bar.adapter_switch(workspace)
    with st.expander("Choose another model", icon=":material/swap_horiz:"), safety_net(workspace, PART):
        model_chooser.chooser(workspace, "bar")
    with safety_net(workspace, PART):
        link.share(workspace)
        handing_over.hand_over(workspace)
    return kept or st.empty()
