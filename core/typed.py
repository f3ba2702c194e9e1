"""Values of JSON as what a type hint says, or a sentence that tells which of them is otherwise.

Files come from other versions, other programs and editors. Read by the hints of a frozen dataclass, whatever is missing
or of another type is found where the file is read, and not wherever a page first uses it.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def typed(hint: type[T], value: Any, name: str = "") -> T:
    """A plain value as `hint` says: numbers, texts, Literals, lists, mappings by text, frozen dataclasses of these, and
    Any. A float that is None is NaN, as files have it. Fields that the hint does not have are left out. Raises
    ValueError with the place of what does not fit; `name` is that of the whole."""
    return cast(T, _typed(hint, value, name))


def _typed(hint: Any, value: Any, at: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if is_dataclass(hint):
        return _record(hint, value, at)
    if origin is Literal:
        return value if isinstance(value, str | int) and value in arguments else _odd(at, f"one of {arguments}", value)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (other,) = (one for one in arguments if one is not type(None))
        return _typed(other, value, at)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return _odd(at, "a list", value)
        places = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        if len(places) != len(value):
            return _odd(at, f"a list of {len(places)}", value)
        return tuple(
            _typed(place, item, f"{at}[{number}]")
            for number, (place, item) in enumerate(zip(places, value, strict=True))
        )
    if origin is list:
        if not isinstance(value, list):
            return _odd(at, "a list", value)
        return [_typed(arguments[0], item, f"{at}[{number}]") for number, item in enumerate(value)]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            return _odd(at, "a table", value)
        return {key: _typed(arguments[1], item, f"{at}.{key[:40]}".strip(".")) for key, item in value.items()}
    return _scalar(hint, value, at)


def _scalar(hint: Any, value: Any, at: str) -> Any:
    if hint is float and value is None:
        return math.nan
    if hint is bool:
        return value if isinstance(value, bool) else _odd(at, "true or false", value)
    if hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, int if hint is int else int | float):
            return _odd(at, "a whole number" if hint is int else "a number", value)
        try:
            return hint(value)
        except OverflowError:
            return _odd(at, "a number of usual size", value)
    if hint is str:
        return value if isinstance(value, str) else _odd(at, "a text", value)
    raise TypeError(f"no plain value is read as {hint!r}")


def _record(kind: Any, value: Any, at: str) -> Any:
    if not isinstance(value, dict):
        return _odd(at, "a table", value)
    hints, found = _hints(kind), {}
    for field in fields(kind):
        place = f"{at}.{field.name}".strip(".")
        if field.name in value:
            found[field.name] = _typed(hints[field.name], value[field.name], place)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{place} is missing")
    return kind(**found)


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _odd(at: str, wanted: str, value: Any) -> Any:
    kinds = {dict: "a table", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    raise ValueError(f"{at or 'it'} should be {wanted} and is {kinds.get(type(value), 'a number')}")
