"""LoRA adapters (Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models") put onto the network they were
trained for.

What an adapter adds is folded into the weights it stands beside, so that the network is one like any other and
everything that looks inside works on it. Weights that are stored in 8 or 4 bit would be rounded again: beside those it
stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import ModelUnavailable
from .files import called, has_adapter, read_header, read_json
from .kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS


def check_adapter(folder: Path) -> None:
    """Raises ModelUnavailable for a folder without a whole adapter in safetensors."""
    if not has_adapter(folder):
        raise ModelUnavailable(
            f"{called(folder)} is no adapter: it has no {ADAPTER_CONFIG}. Choose the folder that peft saved."
        )
    kind = read_json(folder / ADAPTER_CONFIG).get("peft_type")
    if kind not in ("LORA", "DORA"):
        raise ModelUnavailable(
            f"{called(folder)} is an adapter of the kind {kind}, and only LoRA can be put on here. Choose a LoRA "
            "adapter, or fold this one into its model with peft and load the outcome."
        )
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelUnavailable(
            f"The adapter {called(folder)} has no {ADAPTER_WEIGHTS}; pickled weights are never loaded here. Save it "
            "again with a newer peft, or choose another."
        )
    read_header(folder / ADAPTER_WEIGHTS)


def put_on(network: Any, folder: Path, fold: bool) -> None:
    """Load an adapter onto a network, and with `fold` into its weights. Raises ModelUnavailable where it does not fit,
    or is not whole."""
    check_adapter(folder)
    try:
        import peft
    except ImportError as error:
        raise ModelUnavailable(
            "Adapters need the package peft, which is not installed. Install it (pip install 'sightline[peft]') and "
            "start Sightline again, or load the model without its adapter."
        ) from error
    try:
        report = network.load_adapter(str(folder), adapter_name="adapter")
    except Exception as error:  # peft raises whatever its parsers and constructors raise
        raise _unlike(
            folder, str(error).strip().splitlines()[0][:160] if str(error) else type(error).__name__
        ) from error
    for keys in (report.missing_keys, report.unexpected_keys, report.mismatched_keys):
        if keys:
            first = sorted(str(key) for key in keys)[0]
            raise _unlike(folder, f"{len(keys)} of its tensors have no place there or another shape, {first} first")
    if fold:
        _fold(network, peft)


def _unlike(folder: Path, why: str) -> ModelUnavailable:
    base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    return ModelUnavailable(
        f"The adapter {called(folder)} does not fit this model ({why}). It says that it was trained on {base}: "
        "load that."
    )


def _fold(network: Any, peft: Any) -> None:
    """Put plain modules, with the adapter in their weights, in the place of those that peft wrapped."""
    wrappers = (peft.tuners.tuners_utils.BaseTunerLayer, peft.utils.ModulesToSaveWrapper)
    wrapped = [(name, module) for name, module in network.named_modules() if isinstance(module, wrappers)]
    for name, module in wrapped:
        parent, _, child = name.rpartition(".")
        if isinstance(module, wrappers[0]):
            module.merge()
            plain = module.get_base_layer()
        else:
            plain = module.modules_to_save["adapter"]
        setattr(network.get_submodule(parent), child, plain)
    del network.peft_config
    network._hf_peft_config_loaded = False
