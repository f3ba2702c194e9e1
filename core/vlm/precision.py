"""In which precision to compute."""

from __future__ import annotations

import torch
from torch import Tensor

HALF = (torch.bfloat16, torch.float16)


def without_half_products(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this device multiplies numbers of this precision one by one, so that products are made in float32."""
    if device.type != "cpu" or dtype not in HALF:
        return False
    supported = "_is_mkldnn_bf16_supported" if dtype == torch.bfloat16 else "_is_mkldnn_fp16_supported"
    return not getattr(torch.ops.mkldnn, supported)()


def at_least_float32(states: Tensor) -> Tensor:
    """At least float32: softmax and sums of many products lose too much in half precision."""
    return states.to(torch.promote_types(states.dtype, torch.float32))
