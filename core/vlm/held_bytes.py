"""About how many bytes a value takes: its tensors, arrays, pictures and texts, however it holds them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import is_dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from ..answer import Answer, Question
from .model import VisionLanguageModel

OBJECT = 64
"""Bytes of a Python object beside what it refers to."""
ELSEWHERE = (Answer, Question, VisionLanguageModel)
"""What is kept for its own sake, and no part of what refers to it."""


def bytes_in(value: object) -> int:
    """Bytes of a value and of all that it refers to, each counted once. Answers, questions and models are not part of
    what is about them."""
    total, seen, left = 0, set[int](), [value]
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, ELSEWHERE):
            continue
        seen.add(id(one))
        total += OBJECT
        match one:
            case Tensor():
                storage = one.untyped_storage()
                if storage.data_ptr() not in seen:
                    seen.add(storage.data_ptr())
                    total += storage.nbytes()
            case np.ndarray():
                total += one.nbytes
            case str() | bytes() | bytearray():
                total += len(one)
            case Image.Image():
                total += one.width * one.height * len(one.getbands())
            case Mapping():
                left += [*one.keys(), *one.values()]
            case list() | tuple() | Set():
                left += one
            case _ if is_dataclass(one):
                left += getattr(one, "__dict__", {}).values()
    return total
