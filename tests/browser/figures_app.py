"""Every figure of `core.charts` in every state that its examples have, as the app would draw it.

Run as `python -m streamlit run tests/browser/figures_app.py` from the repository root.
"""

from __future__ import annotations

import sys

import streamlit as st

sys.path.insert(0, ".")
from tests.charts.examples import EXAMPLES

st.set_page_config(layout="wide")
for name, make in EXAMPLES.items():
    st.subheader(name, anchor=False)
    for number, (state, chart) in enumerate(make().items()):
        st.text(state)
        with st.container(key=f"figure-{name}-{number}"):
            st.altair_chart(chart, width="content")
