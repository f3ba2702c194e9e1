"""Where a server's secrets name who identifies people: nothing is drawn before somebody is."""

from __future__ import annotations

import streamlit as st

from ..state.person import must_log_in


def ask_to_log_in() -> None:
    """Ends the page with a button to log in, where that is needed and not done."""
    if not must_log_in():
        return
    st.title("Sightline", anchor=False)
    st.text("This Sightline wants to know who you are: your runs are kept apart from others'.")
    st.button("Log in", icon=":material/login:", type="primary", on_click=st.login)
    st.stop()
