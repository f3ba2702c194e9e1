"""Weights in 8 and 4 bit: how to ask for them, and what a checkpoint that has them needs.

A map of such a model explains that model, and says nothing of the one it was made from. In 4 bit weights are rounded
and states are not, so gradients are those of what the rounded model computes. In 8 bit (LLM.int8()) what goes into each
matrix is rounded as well, and gradients go through that rounding as if it were not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import ModelUnavailable
from ..spec import Quantisation

BITS: Mapping[Quantisation, float] = {"8bit": 8, "4bit": 4.5}
"""Bits of a weight, with the scales that stand beside it."""

PACKAGES = {
    "bitsandbytes": (("bitsandbytes",), "pip install 'sightline[bitsandbytes]'"),
    "gptq": (("gptqmodel", "optimum"), "pip install gptqmodel optimum"),
    "awq": (("gptqmodel",), "pip install gptqmodel"),
    "compressed-tensors": (("compressed_tensors",), "pip install compressed-tensors"),
    "hqq": (("hqq",), "pip install hqq"),
    "quanto": (("optimum.quanto",), "pip install optimum-quanto"),
    "torchao": (("torchao",), "pip install torchao"),
    "aqlm": (("aqlm",), "pip install aqlm"),
}
"""By the method that a checkpoint names: the modules that read such weights, and how to get them."""


def method_of(config: Mapping[str, Any]) -> str | None:
    """The method by which the weights of a checkpoint were quantised; None for plain ones."""
    described = config.get("quantization_config")
    if not isinstance(described, dict):
        return None
    method = str(described.get("quant_method") or "bitsandbytes").lower()
    return "bitsandbytes" if method.startswith("bitsandbytes") else method


def stored_as(config: Mapping[str, Any]) -> str:
    """How the weights of a checkpoint are stored, in words; "" for plain ones."""
    method = method_of(config)
    if method is None:
        return ""
    described = config["quantization_config"]
    bits = described.get("bits") or (
        4 if described.get("load_in_4bit") else 8 if described.get("load_in_8bit") else None
    )
    return f"{bits} bit ({method})" if bits else method


def check_package(name: str, method: str) -> None:
    """Raises ModelUnavailable where what reads weights quantised by this method is not installed, or nothing here knows
    it: `transformers` would read them as plain ones."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    if method != "bitsandbytes" and method not in AUTO_QUANTIZER_MAPPING:
        raise ModelUnavailable(
            f"The weights of {name} are quantised by a method ({method}) that the transformers installed here does not "
            "know. Choose a version in another format, or one that is not quantised."
        )
    modules, command = PACKAGES.get(method, ((), ""))
    missing = [each for each in (*modules, "accelerate") if not _installed(each)]
    if missing:
        raise ModelUnavailable(
            f"The weights of {name} are quantised ({method}), which needs the package {' and '.join(missing)}. Install "
            f"it ({command or f'pip install {missing[0]}'}) and start Sightline again, or choose a version that is not "
            "quantised."
        )


def check_several() -> None:
    """Raises ModelUnavailable where what puts a model onto several GPUs is not installed."""
    if not _installed("accelerate"):
        raise ModelUnavailable(
            "A model over several GPUs needs the package accelerate. Install it (pip install "
            "'sightline[several-gpus]') and start Sightline again, or choose one device."
        )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def quantisation_config(quantisation: Quantisation, dtype: torch.dtype) -> Any:
    """What `transformers` is told to quantise weights while it reads them; None to leave them as they are.

    4 bit is NF4 (Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs"), 8 bit LLM.int8() (Dettmers et
    al. 2022). Raises ModelUnavailable where bitsandbytes is missing.
    """
    if quantisation == "none":
        return None
    missing = [package for package in ("bitsandbytes", "accelerate") if not _installed(package)]
    if missing:
        raise ModelUnavailable(
            f"Loading in 8 or 4 bit needs the package {' and '.join(missing)}. Install it (pip install "
            "'sightline[bitsandbytes]') and start Sightline again, or load the model as it is."
        )
    from transformers import BitsAndBytesConfig

    if quantisation == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def is_linear(module: torch.nn.Module) -> bool:
    """Whether a module multiplies by one matrix: PyTorch's own, or one of a package whose weights are packed."""
    sizes = (getattr(module, name, None) for name in ("in_features", "out_features"))
    return isinstance(module, torch.nn.Linear) or all(isinstance(size, int) for size in sizes)


def plain_weight(module: torch.nn.Module, dtype: torch.dtype) -> Float[Tensor, "out in"]:
    """The matrix of a linear module in numbers, as it is computed with. One that is packed in a package's own way
    (GPTQ, AWQ) is what the module makes of the identity, in `dtype`."""
    if not isinstance(module, torch.nn.Linear):
        device = next((tensor.device for tensor in (*module.parameters(), *module.buffers())), None)
        given = torch.eye(int(module.in_features), dtype=dtype, device=device)  # type: ignore[arg-type]
        with torch.no_grad():
            made: Tensor = module(given) - module(torch.zeros_like(given[:1]))
        return made.t()
    weight: Tensor = module.weight
    state = getattr(weight, "quant_state", None)
    if state is None:
        return weight.detach()
    import bitsandbytes

    written_out: Tensor = bitsandbytes.functional.dequantize_4bit(weight.data, state)
    return written_out


def with_gradients(network: Any) -> None:
    """Have every layer in 4 bit compute by the way that gradients can go back: on a CPU with AVX-512, bitsandbytes
    packs weights anew at the first pass without gradients, and from then on gives none at all, in silence."""
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
