"""How long something will take, where it is begun."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ...errors import SightlineError
from ...vlm.forecast import Forecast
from .chips import escaped


def foreseen(tell: Callable[[], Forecast]) -> Forecast | None:
    """A forecast; None where what it is of is refused, which is said once it is begun."""
    try:
        return tell()
    except SightlineError:
        return None


def foretold(told: Forecast | None, cheaper: str = "", name: str = "") -> None:
    """A line that says how long something takes here and what is cheaper; none where it is over in a moment. `name`
    is what it is, where several stand together."""
    if told is None or not told.long:
        return
    of = f"{escaped(name)}: " if name else ""
    words = f"{of}{told.words}."
    st.caption(f":material/schedule: {words[0].upper()}{words[1:]} {escaped(cheaper)}")
