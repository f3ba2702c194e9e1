"""Arrays and tensors, which lie in a file of tensors beside the JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import RunDamaged
from .form import Broken, Form, Given, Out, Plain


class Array(Form):
    """A NumPy array or a tensor, on the CPU. `hint` is a shape of jaxtyping or the bare type, and what is read is held
    to it."""

    def __init__(self, hint: Any, kind: type) -> None:
        self.name = f"{kind.__name__} {getattr(hint, 'dim_str', '')}".strip()
        self._hint, self._kind = hint, kind

    def fits(self, value: object) -> bool:
        return isinstance(value, self._kind)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        # (copies: what is written must not change meanwhile, and read-only arrays are none of PyTorch's)
        tensor = value.detach().cpu().clone() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
        name = f"t{len(out.tensors)}"
        out.tensors[name] = tensor.contiguous()
        return {"tensor": name}

    def decode(self, plain: Plain, given: Given) -> Any:
        if not isinstance(plain, dict) or set(plain) != {"tensor"} or not isinstance(plain["tensor"], str):
            raise Broken("an array was expected")
        tensor = given.tensors.get(plain["tensor"])
        if tensor is None:
            raise RunDamaged("an array is missing from it")
        try:
            value = tensor.numpy() if self._kind is np.ndarray else tensor
        except TypeError as error:  # a precision that NumPy does not know
            raise Broken("an array has an unknown precision") from error
        if not isinstance(value, self._hint):
            raise Broken(f"an array of shape {tuple(tensor.shape)} is no {self.name}")
        return value
