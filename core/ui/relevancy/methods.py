"""Which methods, with which settings."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ...cases.kept_heads import kept_heads
from ...cases.known_cause.summary import told_of
from ...errors import RunError, SettingsError
from ...explainers.base import Explainer
from ...explainers.grounding_heads import GroundingHeads
from ...explainers.registry import explainers
from ...plugins import description
from ...vlm.model import ModelCard
from ..state.maps import recommended_for
from ..state.person import home
from ..widgets.chips import escaped
from ..widgets.controls import settings_form
from .view import Order

CHOSEN = "relevancy_methods"
FIRST = "relevancy_first_method"
HEADS = f"relevancy_{GroundingHeads.key}_chosen"
PRESET = "relevancy_preset_heads"
WITHOUT_PLACES = "occlusion_pixels"
_STYLE = f"""<style>
.st-key-{CHOSEN} [data-testid="stMultiSelectTagsContainer"] {{ flex-wrap: wrap; overflow: visible; }}
.st-key-{CHOSEN} div:has(> [data-testid="stMultiSelectTagsContainer"]) {{ height: auto; max-height: none; }}
</style>"""
"""All chosen methods are seen, in several lines if need be: a single one would scroll the first out of sight."""


def choose(card: ModelCard, placed: bool = True, able: Callable[[str], bool] = lambda key: True) -> list[Order]:
    """The methods to show, in the order they were chosen, and a popover for their settings and one about them all.

    The first is one that is `able` to explain the answer; where image tokens are not `placed` in the picture, one that
    needs no place for its map."""
    known = explainers()
    recommended = recommended_for(card.fingerprint, able)
    first = recommended.method if placed else WITHOUT_PLACES
    _follow(first)
    _preset(card)
    st.html(_STYLE)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Methods",
            list(known),
            default=[first],
            format_func=lambda key: known[key].name,
            key=CHOSEN,
            persist_state="session",
            placeholder="Choose one or several methods",
            help="The first follows a click, and its maps of a word tell a model that looks from one that does not; "
            "among such methods the league decides (Case Studies).",
        )
        with st.popover("Settings", icon=":material/tune:", disabled=not chosen):
            orders = [order for key in chosen if (order := _order(key, card)) is not None]
        with st.popover("What they are", icon=":material/menu_book:"):
            # In one element: whatever stands here is drawn again at every click.
            st.markdown("\n\n".join(map(_card, known.values())))
    if recommended.told:
        st.caption(f":material/trophy: {escaped(recommended.told)}")
    return orders


def _preset(card: ModelCard) -> None:
    """The heads that were found for this model, where nobody wrote others."""
    try:
        found = kept_heads(home(), card.fingerprint)
    except RunError:
        found = None
    heads = found.grounding if found is not None else ""
    before = st.session_state.get(PRESET, "")
    if heads != before and st.session_state.get(HEADS, "") == before:
        st.session_state[HEADS] = heads
    st.session_state[PRESET] = heads


def _card(explainer: Explainer) -> str:
    """What a method is, and what a known cause says of it, as Markdown."""
    told = told_of(explainer.key)
    about = description(explainer) if told is None else f"{description(explainer)} {told}"
    return f"**{escaped(explainer.name)}**  \n{escaped(about)}"


def _follow(first: str) -> None:
    """Open with what is recommended for the model that is in use now, where nobody chose otherwise."""
    before = st.session_state.get(FIRST)
    if before not in (None, first) and st.session_state.get(CHOSEN) == [before]:
        st.session_state[CHOSEN] = [first]
    st.session_state[FIRST] = first


def _order(key: str, card: ModelCard) -> Order | None:
    """The method with its settings; None, and a sentence, where these do not go together."""
    explainer = explainers()[key]
    st.markdown(f"**{escaped(explainer.name)}**")
    try:
        settings = settings_form(explainer.Settings, card, f"relevancy_{key}")
    except SettingsError as error:
        st.text(str(error))
        return None
    if not vars(settings):
        st.caption("has no settings")
    return Order(key, settings)


def add(method: str) -> None:
    """Show one more method. To be called by a click."""
    chosen = st.session_state.get(CHOSEN, [])
    if method not in chosen:
        st.session_state[CHOSEN] = [*chosen, method]
