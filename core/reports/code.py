"""Python that makes a result again: a few lines, in which whatever people or models said is a literal.

Text of a question, of a model or of a file's name gets into code by `ascii` alone, so it is a literal whatever it says,
and no character in it changes how the code around it reads. Values are written as the calls that make them.
"""

from __future__ import annotations

import base64
import math
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool

from ..answer import RegionMask, Target

PACKAGE = "sightline"
OFFERED = {"Decoding", "ModelSpec", "Question", "RegionMask", "Target", "Turn"}
"""Classes that the package itself offers by name."""
SHORT = 4
"""Numbers that are written one by one, even where they follow each other."""
WIDE = 100
"""Characters of a line from which on the values of a call have a line each."""
LONGEST_MASK = 1 << 26
"""Pixels of a mask that is read from code."""


@dataclass(frozen=True)
class Code:
    """`lines` compute a result from `model` and `answer`, and the last one names it `result`. `tolerance` is how far a
    number of it may be from the one that is kept, as a part of the largest one; what is no farther than `rounding`
    counts as the same: figures that are differences of log-probabilities carry the rounding of these."""

    lines: tuple[str, ...]
    tolerance: float = 2e-3
    rounding: float = 1e-7


class CannotBeWritten(Exception):
    """Something has no code that makes it; str(error) is a sentence that says why."""


class Writer:
    """Writes values, and collects the imports that these need."""

    def __init__(self, pictures: Mapping[int, str] | None = None) -> None:
        """`pictures` are the names by which the code refers to pictures, by their ids."""
        self._pictures = dict(pictures or {})
        self._imports: dict[str, set[str]] = {}

    @property
    def imports(self) -> tuple[str, ...]:
        """Lines that import what was named so far."""
        return tuple(
            f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._imports.items())
        )

    def named(self, thing: Any) -> str:
        """A class or function of the package, by the name it has there."""
        if thing.__name__ in OFFERED:
            return f"{PACKAGE}.{thing.__name__}"
        module = f"{PACKAGE}.{thing.__module__.partition('.')[2]}"
        self._imports.setdefault(module, set()).add(thing.__name__)
        return str(thing.__name__)

    def call(self, thing: Any, *values: str, **named: str) -> str:
        """A call with these arguments, which are code."""
        return _joined(f"{self.named(thing)}(", [*values, *(f"{name}={value}" for name, value in named.items())], ")")

    def literal(self, value: Any) -> str:
        """The code of a value. Raises CannotBeWritten."""
        if isinstance(value, Enum):
            return f"{self.named(type(value))}({self.literal(value.value)})"
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int):
            return repr(value)
        if isinstance(value, float):
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, Target):
            return self.call(Target, *map(self.literal, filter(None, (value.tokens, value.rivals))))
        if id(value) in self._pictures:
            return self._pictures[id(value)]
        if isinstance(value, RegionMask):
            return self._mask(value)
        if is_dataclass(value) and not isinstance(value, type):
            return self._record(value)
        if isinstance(value, Mapping):
            return _joined("{", [f"{self.literal(name)}: {self.literal(item)}" for name, item in value.items()], "}")
        if isinstance(value, frozenset | set):
            return f"frozenset({self._several(sorted(value), '[', ']')})" if value else "frozenset()"
        if isinstance(value, list):
            return self._several(value, "[", "]")
        if isinstance(value, tuple):
            return self._several(value, "(", ")")
        if isinstance(value, torch.Tensor | np.ndarray):
            raise CannotBeWritten("It rests on numbers of this model that no short code makes.")
        raise CannotBeWritten("It rests on something that no short code makes.")

    def _several(self, values: Sequence[Any], opening: str, closing: str) -> str:
        """The values of a list or a tuple; numbers that follow each other as a range."""
        if len(values) > SHORT and all(type(value) is int for value in values):
            run = range(values[0], values[0] + len(values))
            if list(run) == list(values):
                return f"{'list' if opening == '[' else 'tuple'}(range({run.start}, {run.stop}))"
            filled = textwrap.fill(", ".join(map(repr, values)), WIDE - 10)
            return _joined(opening, filled.split(",\n"), closing)
        items = [self.literal(value) for value in values]
        return f"({items[0]},)" if len(items) == 1 and opening == "(" else _joined(opening, items, closing)

    def _record(self, value: Any) -> str:
        """A dataclass as the call that makes it, without what is its default."""
        given = {}
        for field in fields(value):
            own = getattr(value, field.name)
            if field.default is MISSING or type(own) is not type(field.default) or own != field.default:
                given[field.name] = self.literal(own)
        return self.call(type(value), **given)

    def _mask(self, mask: RegionMask) -> str:
        packed = self.call(unpacked_mask, self.literal(packed_mask(mask.hidden)), repr(mask.hidden.shape))
        rest = {name: self.literal(own) for name in ("fill", "image") if (own := getattr(mask, name)) != _default(name)}
        return self.call(RegionMask, packed, **rest)


def packed_mask(hidden: Bool[np.ndarray, "height width"]) -> str:
    """A mask as text of letters and digits."""
    return base64.urlsafe_b64encode(zlib.compress(np.packbits(hidden).tobytes(), 9)).decode("ascii")


def unpacked_mask(text: str, shape: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The mask of this height and width that `packed_mask` made a text of. Raises ValueError for any other text."""
    height, width = shape
    if not 0 < height * width <= LONGEST_MASK:
        raise ValueError("a mask has pixels, and not too many")
    size = -(-height * width // 8)
    try:
        data = zlib.decompressobj().decompress(base64.urlsafe_b64decode(text), size + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError("this is no mask") from error
    if len(data) != size:
        raise ValueError("this is a mask of another size")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=height * width)
    return bits.reshape(height, width).astype(bool)


def _text(value: str) -> str:
    """A text of ASCII characters alone, whatever is in it, in double quotes where it has none."""
    literal = ascii(value)
    if literal[0] == "'" and '"' not in literal:
        inside = literal[1:-1].replace("\\'", "'")
        return f'"{inside}"'
    return literal


def _default(name: str) -> Any:
    return next(field.default for field in fields(RegionMask) if field.name == name)


def _joined(opening: str, items: list[str], closing: str) -> str:
    """Items between brackets, on one line where there is room."""
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= WIDE and "\n" not in line:
        return line
    body = ",\n".join(items).replace("\n", "\n    ")
    return f"{opening}\n    {body},\n{closing}" if items else line
