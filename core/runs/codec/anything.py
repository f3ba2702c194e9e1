"""Settings and the like: plain values whose types nobody declares, of which tuples stay tuples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

from ..limits import DEEPEST
from .form import Broken, Form, Given, Out, Plain
from .scalars import NO_NUMBERS, float_as_plain, text_of


class Anything(Form):
    """None, bools, numbers, texts; lists, tuples, sets and mappings of them. What JSON has no word for is a table with
    one entry that names it."""

    name = "object"

    def fits(self, value: object) -> bool:
        return True

    def encode(self, value: Any, out: Out) -> Plain:
        return as_plain(value)

    def decode(self, plain: Plain, given: Given) -> Any:
        return _value(plain, DEEPEST)


def as_plain(value: Any, deep: int = DEEPEST) -> Plain:
    """Such a value as JSON has it. Raises TypeError for any other."""
    if deep < 0:
        raise TypeError(f"settings of more than {DEEPEST} levels cannot be kept")
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": float_as_plain(value)}
    if isinstance(value, Mapping):
        return {"table": [[as_plain(name, deep - 1), as_plain(item, deep - 1)] for name, item in value.items()]}
    if isinstance(value, frozenset | set):
        return {"set": [as_plain(item, deep - 1) for item in sorted(value)]}
    if isinstance(value, tuple):
        return {"tuple": [as_plain(item, deep - 1) for item in value]}
    if isinstance(value, list):
        return [as_plain(item, deep - 1) for item in value]
    raise TypeError(f"a setting that is a {type(value).__name__} cannot be kept")


def _value(plain: Plain, deep: int) -> Any:
    if deep < 0:
        raise Broken(f"it is nested more than {DEEPEST} levels deep")
    if plain is None or isinstance(plain, bool | int | float):
        return plain
    if isinstance(plain, str):
        return text_of(plain)
    if isinstance(plain, list):
        return [_value(item, deep - 1) for item in plain]
    if not isinstance(plain, dict) or len(plain) != 1:
        raise Broken("it holds a setting of no known kind")
    [(kind, held)] = plain.items()
    if kind == "number" and isinstance(held, str) and held in NO_NUMBERS:
        return NO_NUMBERS[held]
    if kind in ("table", "tuple", "set") and isinstance(held, list):
        try:
            if kind == "table":
                return {_value(name, deep - 1): _value(item, deep - 1) for name, item in held}
            items = [_value(item, deep - 1) for item in held]
            return tuple(items) if kind == "tuple" else frozenset(items)
        except (TypeError, ValueError) as error:
            raise Broken("it holds a setting of no known kind") from error
    raise Broken("it holds a setting of no known kind")
