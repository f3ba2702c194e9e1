"""Loading what `transformers` runs: find the folder, look whether its files are there and whole and fit into memory,
then read configuration, processor and weights (`pretrained.py`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...errors import ModelUnavailable
from ..memory import MemoryEstimate, judge_memory
from ..model import ModelCard, VisionLanguageModel
from ..spec import ModelSpec
from ..threads import choose_threads
from .families.context import PromptContext
from .families.registry import family_of
from .files import BYTES, check_folder, count_parameters, fingerprint, read_header
from .hub import download, hub_size, local_folder
from .network import TransformersModel
from .pretrained import read_configuration, read_network, read_processor, refuse_if_unlike

HALF = {"F16", "BF16"}


def on_this_machine(source: str) -> bool:
    """Whether a model can be loaded without fetching anything. Touches no network. Raises ModelUnavailable for what is
    neither a folder nor a hub id."""
    return local_folder(source) is not None


def estimate_memory(spec: ModelSpec) -> MemoryEstimate:
    """What loading `spec` takes and what is free, without loading it.

    Asks the hub for the size of a model that is not here. Raises ModelUnavailable.
    """
    folder = local_folder(spec.source)
    device = spec.torch_device()
    if folder is None:
        return _judge_download(spec, hub_size(spec.source), device)
    return _judge(spec, folder.name, count_parameters(read_header(path) for path in check_folder(folder)), device)


def load_model(spec: ModelSpec, progress: Callable[[str], None]) -> VisionLanguageModel:
    """Load a model. `progress` is told in a few words what is going on. Raises ModelUnavailable."""
    progress("Looking for the model's files")
    device = spec.torch_device()
    folder = local_folder(spec.source)
    if folder is None:
        size = hub_size(spec.source)
        _refuse_if_too_large(_judge_download(spec, size, device))
        folder = download(spec.source, size, progress)
    weights = check_folder(folder)
    counts = count_parameters(read_header(path) for path in weights)
    config = read_configuration(folder)
    _refuse_if_too_large(_judge(spec, folder.name, counts, device))
    refuse_if_unlike(folder, config, sum(counts.values()))
    dtype = _dtype(spec, counts, device)
    progress("Loading the processor")
    family = family_of(config)
    processor = read_processor(folder, family)
    progress(f"Loading {sum(counts.values()) / 1e6:,.0f} million parameters")
    network = read_network(folder, dtype, device)
    if device.type == "cpu":
        choose_threads()
    processor = family.adapt(network, processor)
    precision = str(dtype).removeprefix("torch.")
    card = _card(
        config,
        name=folder.name if Path(spec.source).expanduser().is_dir() else spec.source,
        source=spec.source,
        family=family.key,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        dtype=precision,
        device=str(device),
        image_grid=family.image_grid(PromptContext(config, processor, network)),
        fingerprint=f"{fingerprint(folder, weights)}-{precision}-{device.type}",
    )
    progress("Ready")
    return TransformersModel(network, processor, family, card)


def _card(config: Any, **described: Any) -> ModelCard:
    """The card of a model, its sizes read from the configuration of its decoder."""
    text = config.get_text_config()
    return ModelCard(
        layers=int(text.num_hidden_layers),
        heads=int(text.num_attention_heads),
        key_value_heads=int(getattr(text, "num_key_value_heads", None) or text.num_attention_heads),
        hidden=int(text.hidden_size),
        vocabulary=int(text.vocab_size),
        **described,
    )


def _dtype(spec: ModelSpec, counts: dict[str, int], device: torch.device) -> torch.dtype:
    """The precision a model is to have whose weights hold `counts` numbers of each safetensors dtype."""
    stored_half = sum(count for name, count in counts.items() if name in HALF) * 2 > sum(counts.values())
    return spec.torch_dtype(device, stored_half)


def _judge(spec: ModelSpec, name: str, counts: dict[str, int], device: torch.device) -> MemoryEstimate:
    dtype = _dtype(spec, counts, device)
    return judge_memory(name, sum(counts.values()) * dtype.itemsize, device, dtype.itemsize == 2)


def _judge_download(spec: ModelSpec, size: int, device: torch.device) -> MemoryEstimate:
    """The estimate for a hub model, nearly all of which are stored in 16 bits."""
    return _judge(spec, spec.source, {"BF16": size // BYTES["BF16"]}, device)


def _refuse_if_too_large(estimate: MemoryEstimate) -> None:
    if not estimate.fits:
        raise ModelUnavailable(estimate.sentence)
