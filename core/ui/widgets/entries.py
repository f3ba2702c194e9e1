"""A page is one entry of the browser's history, whatever its address comes to carry: Back leaves it at the first press.

Streamlit enters every change of an address as another page (`link.write` changes it once a page is drawn), so that Back
would first take the address away, which is then written again.
"""

from __future__ import annotations

import streamlit as st
from streamlit import runtime

_JS = """
export default function () {
    if (window.sightlineEntries) return;
    window.sightlineEntries = true;
    const push = history.pushState.bind(history);
    history.pushState = (state, title, url) => {
        const samePage = new URL(url, location.href).pathname === location.pathname;
        if (samePage) history.replaceState(state, title, url);
        else push(state, title, url);
    };
}
"""


def one_entry() -> None:
    """To be called once by every page, before its address is written."""
    if runtime.exists():  # or else there is no browser
        st.components.v2.component("sightline_entries", html="<span></span>", js=_JS)(key="entries", height=1)
