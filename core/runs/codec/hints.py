"""From a type hint to its form."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from PIL import Image
from torch import Tensor

from ...answer import Answer
from ...causal.pag import Pag
from ...perturb.perturbation import (
    HiddenPatches,
    HiddenPixels,
    HiddenSegment,
    HiddenTokens,
    NetworkEdits,
    OtherImages,
    Perturbation,
)
from .answers import AnswerForm
from .anything import Anything
from .arrays import Array
from .containers import Items, OneOf, Row, Table
from .form import Form
from .graphs import Graph
from .pictures import Picture
from .records import Record
from .scalars import SCALARS, OneOfValues

CONCRETE: Mapping[Any, tuple[Any, ...]] = {
    Perturbation: (HiddenPixels, HiddenPatches, HiddenSegment, OtherImages, HiddenTokens, NetworkEdits)
}
"""What may stand where a hint names an abstract class. A new kind of perturbation is added here."""


@cache
def form_of(hint: Any) -> Form:
    """How values of a type hint are written and read. Raises TypeError for a hint whose values cannot be kept."""
    if hint in SCALARS:
        return SCALARS[hint]
    if hint in (object, Any):
        return Anything()
    if hint is Answer:
        return AnswerForm(form_of)
    if hint is Pag:
        return Graph()
    if hint is Image.Image:
        return Picture()
    if hint in CONCRETE:
        return OneOf([form_of(kind) for kind in CONCRETE[hint]], or_none=False)
    kind: Any = getattr(hint, "array_type", hint)
    if kind in (np.ndarray, Tensor):
        return Array(hint, kind)
    return _of_parts(hint, get_origin(hint), get_args(hint))


def check_keepable(hint: Any) -> Form:
    """The form of a hint, once everything that its values are made of has one. Raises TypeError."""
    form = form_of(hint)
    seen: set[Form] = set()
    waiting = [form]
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            waiting.extend(part.parts())
    return form


def _of_parts(hint: Any, origin: Any, parts: tuple[Any, ...]) -> Form:
    if origin is Literal:
        return OneOfValues(f"Literal {parts}", parts)
    if origin in (Union, types.UnionType):
        members = [part for part in parts if part is not type(None)]
        return OneOf([form_of(member) for member in members], or_none=len(members) < len(parts))
    if origin is tuple and parts[-1:] == (...,):
        return Items((tuple,), tuple, form_of(parts[0]))
    if origin is tuple:
        return Row([form_of(part) for part in parts])
    if origin is Sequence:
        return Items((Sequence,), tuple, form_of(parts[0]))
    if origin is list:
        return Items((list,), list, form_of(parts[0]))
    if origin is frozenset:
        return Items((frozenset,), frozenset, form_of(parts[0]))
    if origin in (Mapping, dict):
        return Table(form_of(parts[0]), form_of(parts[1]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return OneOfValues(hint.__name__, tuple(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return Record(hint, form_of)
    raise TypeError(f"values of the type {hint} cannot be kept")
