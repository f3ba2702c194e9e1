"""A value of any type hint, drawn without asking what writes and reads it; and whether two values are the same."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import count
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from PIL import Image

from core.answer import Answer, AttentionRows, PatchView, Question, RegionMask, Target, TokenKind, TokenLayout, Turn
from core.causal.pag import Pag
from core.causal.settings import GraphSettings
from core.clips import Clip
from core.perturb import perturbation
from core.runs.codec.answers import Unprepared
from core.vlm.targets import TokenTarget

TEXTS = ("", " house", "“Tür”\n", "🐶", "\ud83d", "\x00", "<b>", "=1+1")
NUMBERS = (0.0, -1.5, math.nan, math.inf, -math.inf, 1e-300, 3.0)
DTYPES = {"bool": torch.bool, "float32": torch.float32, "int64": torch.int64, "uint8": torch.uint8}


class Drawn:
    """Values that differ from draw to draw, and are always the same for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self.chance = np.random.default_rng(seed)
        self._next = count(seed)

    def one_of(self, values: Sequence[Any]) -> Any:
        return values[next(self._next) % len(values)]

    def value(self, hint: Any) -> Any:
        """A value of a hint."""
        own = getattr(self, f"_{getattr(hint, '__name__', '')}", None)
        if own is not None:
            return own()
        if hasattr(hint, "array_type") or hint in (np.ndarray, torch.Tensor):
            return self._array(hint)
        if hint in (object, Any):
            return self.one_of((None, True, 3, -0.5, math.nan, "all", (1, (2, "x")), [1.5], {"a": (1,)}))
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Literal:
            return self.one_of(parts)
        if origin in (Union, types.UnionType):
            return self.value(self.one_of(parts))
        if origin is tuple and parts[-1:] != (...,):
            return tuple(self.value(part) for part in parts)
        if origin in (tuple, Sequence, list, frozenset):
            made = {frozenset: frozenset, list: list}.get(origin, tuple)
            return made(self.value(parts[0]) for _ in range(self.one_of((2, 0, 3))))
        if origin in (Mapping, dict):
            return {self.value(parts[0]): self.value(parts[1]) for _ in range(self.one_of((2, 0)))}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self.one_of(list(hint))
        assert is_dataclass(hint), f"there is no example of {hint}"
        return self._record(hint)

    def _record(self, kind: Any, **given: Any) -> Any:
        hints = get_type_hints(kind)
        own = {field.name: self.value(hints[field.name]) for field in fields(kind) if field.name not in given}
        return kind(**own, **given)

    def _array(self, hint: Any) -> Any:
        sizes = [
            size for dim in getattr(hint, "dims", ()) for size in ([2, 3] if "Variadic" in str(type(dim)) else [2])
        ]
        of = getattr(hint, "dtypes", ("float32",))
        dtype = next(kind for name, kind in DTYPES.items() if any(name in str(one) for one in of))
        values = torch.from_numpy(self.chance.normal(size=sizes)) * 3
        if dtype is torch.float32 and values.numel():
            values.view(-1)[0] = math.nan
        made = values.to(dtype)
        return made.numpy() if getattr(hint, "array_type", hint) is np.ndarray else made

    def _int(self) -> int:
        return int(self.chance.integers(0, 7))

    def _float(self) -> float:
        return self.one_of(NUMBERS)

    def _str(self) -> str:
        return self.one_of(TEXTS)

    def _bool(self) -> bool:
        return self.one_of((True, False))

    def _NoneType(self) -> None:
        return None

    def _Image(self) -> Image.Image:
        return Image.fromarray(self.chance.integers(0, 256, (6, 8, 3), dtype=np.uint8))

    def _Perturbation(self) -> Any:
        kinds = ("HiddenPixels", "HiddenPatches", "HiddenSegment", "OtherImages", "HiddenTokens", "NetworkEdits")
        return self._record(getattr(perturbation, self.one_of(kinds)))

    def _Target(self) -> Target:
        return self.one_of((Target((0,)), Target((1, 2), (5, 6))))

    def _TokenTarget(self) -> TokenTarget:
        return self.one_of((TokenTarget(0, 4), TokenTarget(1, 5, 6)))

    def _GraphSettings(self) -> GraphSettings:
        return self.one_of((GraphSettings(), GraphSettings(method="ICD", ridge=0.1, largest_set=2, seconds=None)))

    def _Pag(self) -> Pag:
        return Pag.parse(4, ("0 o-> 1", "1 <-> 2", "2 --> 3", "0 --- 3"))

    def _Clip(self) -> Clip:
        return Clip(0, (0.0, 0.5), (0, 12), 24.0, 48, "film.mp4", "every second")

    def _RegionMask(self) -> RegionMask:
        return RegionMask(self.chance.random((6, 8)) < 0.5, self.one_of(("black", "blur")), 1)

    def _PatchView(self) -> PatchView:
        return PatchView(0, "whole", 1, 2, (0.0, -1.0, 8.0, 6.0), (1, 2), self.one_of((None, 0.875)), (12, 6))

    def _TokenLayout(self) -> TokenLayout:
        kinds = (
            TokenKind.SPECIAL,
            TokenKind.IMAGE,
            TokenKind.IMAGE,
            TokenKind.TEXT,
            TokenKind.ANSWER,
            TokenKind.ANSWER,
        )
        return TokenLayout(kinds, (self._PatchView(),), ((8, 6), (8, 6)))

    def _Question(self) -> Question:
        clips = self.one_of(((), (self._Clip(),)))
        images = [self._Image() for _ in range(2)]
        return Question("What is it?", images, [Turn("Before?", " Yes.")], masks=[self._RegionMask()], clips=clips)

    def _Answer(self) -> Answer:
        hints = get_type_hints(Answer)
        tokens = tuple(self.value(get_args(hints["tokens"])[0]) for _ in range(2))
        weights = torch.rand(2, 2, 2, 6).half()
        weights[1] = math.nan
        return self._record(
            Answer,
            tokens=tokens,
            prompt_tokens=("<s>", "<image>", "<image>", " it"),
            inputs={"input_ids": torch.tensor([[1, 9, 9, 4]])},
            attention=self.one_of((AttentionRows(weights), None, AttentionRows(weights[1:], (0, 1), (1,), 2))),
        )


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same: arrays with their precision, NaN as itself, and answers but for their inputs."""
    if isinstance(one, Unprepared) or isinstance(other, Unprepared):
        return _ids(one) == _ids(other)
    if isinstance(one, torch.Tensor | np.ndarray):
        if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
            return False
        pair = [torch.tensor(np.asarray(x)) if isinstance(x, np.ndarray) else x for x in (one, other)]
        return torch.equal(*pair) or bool(torch.isclose(*pair, rtol=0, atol=0, equal_nan=True).all())
    if isinstance(one, AttentionRows):
        return same(one.held, other.held)
    if isinstance(one, Image.Image):
        return one.size == other.size and one.tobytes() == other.tobytes()
    if is_dataclass(one):
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def _ids(inputs: Any) -> tuple[int, ...]:
    return inputs.ids if isinstance(inputs, Unprepared) else tuple(inputs["input_ids"][0].tolist())
