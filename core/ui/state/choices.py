"""What is chosen on pages, as a run keeps it: the fields of views that say so, and widgets that outlive their page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...errors import RunDamaged
from ...runs.codec.form import Broken, Given, Out
from ...runs.codec.hints import form_of
from .view import View

MOST, LONGEST = 500, 200
"""Widgets that are kept, and characters of a key."""
APART = ("history_", "cases_", "survey_", "league_", "compared_")
"""How the keys of widgets begin that are about no conversation."""


def of_view(view: View) -> dict[str, object]:
    """The choices of a view in plain values."""
    hints = get_type_hints(type(view))
    return {name: form_of(hints[name]).encode(getattr(view, name), Out()) for name in view.kept}


def restore_view(view: View, plain: object) -> None:
    """Choose what was chosen. What is no value of its field is left as it is: files are untrusted."""
    if not isinstance(plain, Mapping):
        return
    hints = get_type_hints(type(view))
    for name in view.kept:
        if name in plain:
            try:
                setattr(view, name, form_of(hints[name]).decode(plain[name], Given()))
            except (Broken, RunDamaged):
                continue


def of_widgets() -> dict[str, object]:
    """What widgets are set to whose value outlives their page (`persist_state="session"`), by key."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return {}
    # Streamlit has no public word for which these are; buttons and uploaders must not be set, so all is not right.
    state = context.session_state._state
    keys = [
        key
        for id_, key in state._key_id_mapper.id_key_mapping.items()
        if state._persist_tracker.scope_of(id_) == "session" and not key.startswith(APART)
    ]
    return {key: st.session_state[key] for key in keys if key in st.session_state and _is_plain(st.session_state[key])}


def set_widgets(values: object) -> tuple[str, ...]:
    """Set widgets, before they are drawn; the keys of those that were."""
    if not isinstance(values, Mapping):
        return ()
    known = {
        key: value
        for key, value in list(values.items())[:MOST]
        if isinstance(key, str) and len(key) <= LONGEST and not key.startswith(APART) and _is_plain(value)
    }
    for key, value in known.items():
        st.session_state[key] = value
    return tuple(known)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
