"""Which model to load, in which precision, where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ..assets import asset
from ..errors import ModelUnavailable

DType = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class ModelSpec:
    """Which model, in which precision, where. `source` is a folder or a hub id.

    dtype "auto" is bfloat16 for weights stored in 16 bits where the device computes in it natively, else float32.
    device "auto" is the first GPU, else the CPU.
    """

    source: str
    dtype: DType = "auto"
    device: str = "auto"

    def torch_device(self) -> torch.device:
        """The device. Raises ModelUnavailable where this machine has none such."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except RuntimeError:
            raise ModelUnavailable(f"There is no device {self.device!r}. Choose cpu, cuda or auto.") from None
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ModelUnavailable("This machine has no GPU that PyTorch can use. Choose the device cpu or auto.")
        return device

    def torch_dtype(self, device: torch.device, stored_half: bool) -> torch.dtype:
        """The precision on a device; `stored_half` says that most weights are stored in 16 bits."""
        if self.dtype != "auto":
            dtype: torch.dtype = getattr(torch, self.dtype)
            return dtype
        return torch.bfloat16 if stored_half and _native_bfloat16(device) else torch.float32


EMBEDDED = ModelSpec(str(asset("street-llava")))
"""The small model that comes with Sightline."""


def _native_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
