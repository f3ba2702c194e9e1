"""Settings that describe themselves, so that a page can build its controls and a file can record them.

The settings of an explainer, a mechanism, a causal graph or a test are a frozen dataclass whose fields are made by the
functions below:

    @dataclass(frozen=True)
    class Settings:
        layers: Chosen = layers("Layers")
        reduce: str = choice("mean", "Heads are combined by", ("mean", "max"))
        steps: int = number(32, "Steps", minimum=4, maximum=256)

Values that must go together are checked where Python checks them: a `__post_init__` that calls `check_ranges(self)` and
then raises SettingsError for its own rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from .errors import SettingsError

Kind = Literal["number", "choice", "switch", "layers", "heads", "text"]
Chosen = tuple[int, ...] | None
"""Chosen layers or heads, counted from 0; None is all of them."""


@dataclass(frozen=True)
class Control:
    """How one setting is shown and what it may be. `minimum`, `maximum`, `step`, `whole`, `offered` and `without`
    belong to numbers, `options` to choices; layers and heads take their range from the model.

    `offered` are the numbers that a page lets one choose from, where it is not all in the range; `without` is what None
    is called, and "" where the number may not be None.
    """

    name: str
    kind: Kind
    label: str
    default: Any
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    whole: bool = False
    offered: tuple[float, ...] = ()
    without: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoSettings:
    """For a method that has none."""


def number(
    default: float | None,
    label: str,
    *,
    minimum: float,
    maximum: float,
    step: float | None = None,
    offered: Sequence[float] = (),
    without: str = "",
    help: str = "",
) -> Any:
    """An int where default and bounds are ints, or else a float; or None, where that has a name (`without`)."""
    return _field(
        "number",
        default,
        label,
        help=help,
        minimum=minimum,
        maximum=maximum,
        step=step,
        whole=all(isinstance(value, int) for value in (minimum, maximum, default or 0)),
        offered=tuple(offered),
        without=without,
    )


def choice(default: str, label: str, options: Sequence[str], *, help: str = "") -> Any:
    """One of `options`."""
    return _field("choice", default, label, help=help, options=tuple(options))


def switch(default: bool, label: str, *, help: str = "") -> Any:
    """On or off."""
    return _field("switch", default, label, help=help)


def layers(label: str = "Layers", *, help: str = "") -> Any:
    """Some of the model's layers; all by default."""
    return _field("layers", None, label, help=help)


def heads(label: str = "Heads", *, help: str = "") -> Any:
    """Some of each layer's heads; all by default."""
    return _field("heads", None, label, help=help)


def text(default: str, label: str, *, help: str = "") -> Any:
    """Free text."""
    return _field("text", default, label, help=help)


def _field(kind: Kind, default: Any, label: str, **more: Any) -> Any:
    return field(default=default, metadata={"kind": kind, "label": label, **more})


def controls(settings: type[Any]) -> tuple[Control, ...]:
    """The controls of a settings dataclass, in the order of its fields."""
    return tuple(Control(name=f.name, default=f.default, **f.metadata) for f in fields(settings))


def checked(settings: Any, number_of_layers: int, number_of_heads: int) -> Any:
    """The same settings, once every value lies in its range, also of what the model has. Raises SettingsError with a
    sentence naming the setting."""
    check_ranges(settings)
    for control in controls(type(settings)):
        value = getattr(settings, control.name)
        if control.kind in ("layers", "heads") and value is not None:
            limit = number_of_layers if control.kind == "layers" else number_of_heads
            if not value or not all(0 <= index < limit for index in value):
                raise SettingsError(f"{control.label} must name at least one of 0 to {limit - 1}.")
    return settings


def check_ranges(settings: Any) -> None:
    """Raises SettingsError, with a sentence naming the setting, for a number or a choice out of its range."""
    for control in controls(type(settings)):
        value = getattr(settings, control.name)
        if control.kind == "number" and not (value is None and control.without):
            assert control.minimum is not None and control.maximum is not None
            # (a NaN is in no range)
            if value is None or not control.minimum <= value <= control.maximum:
                raise SettingsError(f"{control.label} must lie between {control.minimum} and {control.maximum}.")
        elif control.kind == "choice" and value not in control.options:
            raise SettingsError(f"{control.label} must be one of {', '.join(control.options)}.")
