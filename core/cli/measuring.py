"""Which mechanism is asked, and what it gave, for JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..answer import Answer
from ..errors import WrongOption
from ..mechanisms.base import Mechanism
from ..mechanisms.registry import mechanisms
from ..mechanisms.run import Measurement, record
from ..plugins import description
from ..settings import controls


def mechanism_of(key: str) -> Mechanism:
    """The mechanism of a key. Raises WrongOption."""
    known = mechanisms()
    if key not in known:
        raise WrongOption(f"There is no mechanism {key!r}. The mechanisms are {', '.join(known)}.")
    return known[key]


def listed() -> Iterator[dict[str, Any]]:
    """Every mechanism with what it says of itself; each setting with its default and what it may be."""
    for mechanism in mechanisms().values():
        yield {
            "mechanism": mechanism.key,
            "name": mechanism.name,
            "description": description(mechanism),
            "caveat": mechanism.caveat,
            "settings": {
                control.name: {
                    "label": control.label,
                    "default": control.default,
                    **({"options": list(control.options)} if control.options else {}),
                    **({"minimum": control.minimum, "maximum": control.maximum} if control.kind == "number" else {}),
                }
                for control in controls(mechanism.Settings)
            },
        }


def told(answer: Answer, measurement: Measurement) -> Iterator[dict[str, Any]]:
    """A line for each figure: how it came about, its title and unit, and its rows."""
    about = record(answer, measurement)
    for shape in measurement.result.shapes:
        unit = getattr(shape, "unit", None)
        yield {**about, "figure": shape.title, "shape": type(shape).__name__, "unit": unit, "rows": shape.rows(answer)}
