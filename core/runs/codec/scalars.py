"""Numbers, texts, and words of a closed list."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from ..limits import LONGEST_TEXT
from .form import Broken, Form, Given, Out, Plain

NO_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""JSON has no such numbers, so they are texts."""


def float_as_plain(value: float) -> Plain:
    """A float as JSON has it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def text_of(plain: Plain) -> str:
    """A text that is not too long. Raises Broken."""
    if not isinstance(plain, str):
        raise Broken(f"a text was expected where {_kind(plain)} is")
    if len(plain) > LONGEST_TEXT:
        raise Broken(f"it holds a text of {len(plain):,} characters")
    return plain


def _kind(plain: Plain) -> str:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "yes or no"),
        ((int, float), "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "a table"),
    )
    return next((name for kind, name in kinds if isinstance(plain, kind)), "nothing")


class Scalar(Form):
    """One of Python's own kinds of single values."""

    def __init__(
        self,
        name: str,
        kinds: tuple[type, ...],
        written: Callable[[Any], Plain],
        read: Callable[[Plain], Any],
    ) -> None:
        self.name, self._kinds, self._written, self._read = name, kinds, written, read

    def fits(self, value: object) -> bool:
        return isinstance(value, self._kinds) and (bool in self._kinds or not isinstance(value, bool))

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        return self._written(value)

    def decode(self, plain: Plain, given: Given) -> Any:
        return self._read(plain)


def _truth(plain: Plain) -> bool:
    if not isinstance(plain, bool):
        raise Broken(f"yes or no was expected where {_kind(plain)} is")
    return plain


def _whole(plain: Plain) -> int:
    if not isinstance(plain, int) or isinstance(plain, bool):
        raise Broken(f"a whole number was expected where {_kind(plain)} is")
    return plain


def _number(plain: Plain) -> float:
    if isinstance(plain, str) and plain in NO_NUMBERS:
        return NO_NUMBERS[plain]
    if not isinstance(plain, int | float) or isinstance(plain, bool):
        raise Broken(f"a number was expected where {_kind(plain)} is")
    try:
        return float(plain)
    except OverflowError as error:
        raise Broken("it holds a number that is too large") from error


def _none(plain: Plain) -> None:
    if plain is not None:
        raise Broken(f"nothing was expected where {_kind(plain)} is")


SCALARS: dict[Any, Form] = {
    bool: Scalar("bool", (bool, np.bool_), bool, _truth),
    int: Scalar("int", (int, np.integer), int, _whole),
    float: Scalar("float", (float, int, np.floating, np.integer), lambda value: float_as_plain(float(value)), _number),
    str: Scalar("str", (str,), str, text_of),
    type(None): Scalar("None", (type(None),), lambda value: None, _none),
}


class OneOfValues(Form):
    """A value of a closed list: those of a Literal or of an enumeration, by what JSON calls them."""

    def __init__(self, name: str, values: tuple[Any, ...]) -> None:
        self.name = name
        self._values = {value.value if isinstance(value, Enum) else value: value for value in values}

    def fits(self, value: object) -> bool:
        try:
            return value in self._values.values()
        except TypeError:
            return False

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        return value.value if isinstance(value, Enum) else value

    def decode(self, plain: Plain, given: Given) -> Any:
        if not isinstance(plain, str | int | bool | None) or plain not in self._values:
            raise Broken(f"{str(plain)[:40]!r} is none of the values of {self.name}")
        return self._values[plain]
