"""Settings that describe themselves, so that a page can build its controls and a file can record them.

The settings of an explainer, a mechanism or a test are a frozen dataclass whose fields are made by the functions below:

    @dataclass(frozen=True)
    class Settings:
        layers: Chosen = layers("Layers")
        reduce: str = choice("mean", "Heads are combined by", ("mean", "max"))
        steps: int = number(32, "Steps", minimum=4, maximum=256)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Kind = Literal["number", "choice", "switch", "layers", "heads", "text"]
Chosen = tuple[int, ...] | None
"""Chosen layers or heads, counted from 0; None is all of them."""


@dataclass(frozen=True)
class Control:
    """How one setting is shown and what it may be. `minimum`, `maximum`, `step` belong to numbers, `options` to
    choices; layers and heads take their range from the model."""

    name: str
    kind: Kind
    label: str
    default: Any
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoSettings:
    """For a method that has none."""


def number(
    default: float, label: str, *, minimum: float, maximum: float, step: float | None = None, help: str = ""
) -> Any:
    """An int or a float, as its default is."""
    return _field("number", default, label, help=help, minimum=minimum, maximum=maximum, step=step)


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
    """The same settings, once every value lies in its range. Raises ValueError with a sentence naming the setting."""
    for control in controls(type(settings)):
        value = getattr(settings, control.name)
        if control.kind == "number":
            assert control.minimum is not None and control.maximum is not None
            # (a NaN is in no range)
            if not control.minimum <= value <= control.maximum:
                raise ValueError(f"{control.label} must lie between {control.minimum} and {control.maximum}.")
        elif control.kind == "choice" and value not in control.options:
            raise ValueError(f"{control.label} must be one of {', '.join(control.options)}.")
        elif control.kind in ("layers", "heads") and value is not None:
            limit = number_of_layers if control.kind == "layers" else number_of_heads
            if not value or not all(0 <= index < limit for index in value):
                raise ValueError(f"{control.label} must name at least one of 0 to {limit - 1}.")
    return settings
