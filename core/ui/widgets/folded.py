"""A line below a figure that leads with one plain sentence, and folds the figures behind it."""

from __future__ import annotations

import streamlit as st


def folded(lead: str, details: str) -> None:
    """Both are Markdown: text of a model or a user in them is to be escaped."""
    st.caption(lead)
    with st.popover("Details", icon=":material/notes:", type="tertiary"):
        st.caption(details)
