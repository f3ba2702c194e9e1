"""In which precision to compute."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(states: Tensor) -> Tensor:
    """At least float32: softmax and sums of many products lose too much in half precision."""
    return states.to(torch.promote_types(states.dtype, torch.float32))
