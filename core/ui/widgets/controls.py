"""Streamlit controls for settings that describe themselves (`core/settings.py`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...settings import Control, controls
from ...vlm.model import ModelCard
from .chips import escaped
from .layers import layer_name


def settings_form(
    settings: type[Any],
    card: ModelCard,
    key: str,
    columns: Sequence[DeltaGenerator] = (),
    without: Mapping[str, Collection[str]] | None = None,
) -> Any:
    """A control for each setting; returns the settings as they are set now.

    The values survive a page switch under keys that begin with `key`. Layers and heads take their range from the card;
    none chosen means all. The controls stand below each other, or fill the `columns`, the first one first. `without`
    names options of a choice, by setting, that are not to be had here. Raises SettingsError where the settings do not
    go together.
    """
    known = [_offering(control, (without or {}).get(control.name, ())) for control in controls(settings)]
    values = {}
    for number, control in enumerate(known):
        with columns[number * len(columns) // len(known)] if columns else nullcontext():
            values[control.name] = _shown(control, card, f"{key}_{control.name}")
    return settings(**values)


def _offering(control: Control, missing: Collection[str]) -> Control:
    return replace(control, options=tuple(option for option in control.options if option not in missing))


def changed(settings: Any) -> dict[str, object]:
    """The settings that are not at their default, by the label they have on screen."""
    pairs = [(control, getattr(settings, control.name)) for control in controls(type(settings))]
    return {control.label: value for control, value in pairs if value != control.default}


def settings_text(settings: Any) -> str:
    """The settings that are not at their default, in a few words."""
    return ", ".join(f"{label}: {_value(value)}" for label, value in changed(settings).items()) or "default settings"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _shown(control: Control, card: ModelCard, key: str) -> Any:
    label, note = escaped(control.label), control.help or None
    if control.kind == "number":
        return _number(control, label, note, key)
    if control.kind == "choice":
        place = control.options.index(control.default)
        if st.session_state.get(key, control.default) not in control.options:
            del st.session_state[key]
        return st.selectbox(label, control.options, index=place, help=note, key=key, persist_state="session")
    if control.kind == "switch":
        return st.toggle(label, value=control.default, help=note, key=key, persist_state="session")
    if control.kind == "text":
        return st.text_input(label, value=control.default, help=note, key=key, max_chars=500, persist_state="session")
    most = card.layers if control.kind == "layers" else card.heads
    # Another model has other layers, and a widget keeps no value that is none of its options.
    picked = st.multiselect(
        label,
        range(most),
        format_func=(lambda layer: layer_name(layer, card)) if control.kind == "layers" else str,
        placeholder=f"all {most}",
        help=note,
        key=f"{key}_{most}",
        persist_state="session",
    )
    return tuple(sorted(picked)) or None


def _number(control: Control, label: str, note: str | None, key: str) -> float | None:
    kind = int if control.whole else float
    if control.offered:
        offered = sorted({kind(value) for value in (*control.offered, control.default)})
        chosen: float = st.select_slider(
            label, offered, control.default, format_func=_plain, help=note, key=key, persist_state="session"
        )
        return chosen
    step = control.step if control.step is not None else (1 if control.whole else None)
    return st.number_input(
        label,
        min_value=None if control.minimum is None else kind(control.minimum),
        max_value=None if control.maximum is None else kind(control.maximum),
        value=control.default,
        step=None if step is None else kind(step),
        format=_format(control),
        placeholder=control.without or None,
        help=note,
        key=key,
        persist_state="session",
    )


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _format(control: Control) -> str | None:
    """As many digits as a step has, where Streamlit would show fewer."""
    digits = len(f"{control.step:.10f}".rstrip("0").partition(".")[2]) if control.step else 0
    return None if control.whole or digits <= 2 else f"%.{digits}f"
