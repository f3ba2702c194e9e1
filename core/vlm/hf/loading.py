"""Loading what `transformers` runs: find the folder, look whether its files are there and whole and fit into memory,
then read configuration, processor and weights (`pretrained.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ...errors import ModelUnavailable, SightlineError
from ...typed_paths import is_folder, typed_path
from ..cancel import Cancelled, CancelToken
from ..memory import MemoryEstimate, available_bytes, judge_memory
from ..model import ModelCard, VisionLanguageModel
from ..spec import NO_ADAPTER, ModelSpec, Quantisation, hub_place
from ..threads import choose_threads
from .adapters import check_adapter, put_on
from .families.context import PromptContext
from .families.registry import family_of
from .files import (
    BYTES,
    called,
    check_folder,
    check_kind,
    count_parameters,
    fingerprint,
    has_adapter,
    read_header,
    read_json,
)
from .hub import HubFiles, adapter_files, download, hub_files, local_adapter, local_folder
from .layer_memory import layers_without_attention
from .network import TransformersModel
from .placement import device_map
from .pretrained import (
    check_decoder,
    empty_network,
    read_configuration,
    read_network,
    read_processor,
    refuse_if_unlike,
)
from .quantised import BITS, check_package, check_several, method_of, quantisation_config, stored_as, with_gradients
from .sizes import check_sizes

HALF = {"F16", "BF16"}
PLAIN = {*HALF, "F32", "F64"}
"""The safetensors dtypes of weights that are numbers; others are packed."""

LONG_QUESTION = 2048
"""Positions of the question that is reckoned with before a model is loaded."""


def on_this_machine(source: str) -> bool:
    """Whether a model can be loaded without fetching anything. Touches no network. Raises ModelUnavailable for what is
    neither a folder nor a hub id."""
    return local_folder(ModelSpec(source)) is not None


def estimate_memory(spec: ModelSpec, freed: int = 0) -> MemoryEstimate:
    """What loading `spec` takes and what is free, `freed` bytes of other models included, without loading it.

    Asks the hub for the size of a model that is not here. Raises ModelUnavailable.
    """
    with _in_a_sentence(spec):
        return _estimate(spec, freed)


def load_model(
    spec: ModelSpec,
    progress: Callable[[str], None],
    *,
    anyway: bool = False,
    cancel: CancelToken | None = None,
) -> VisionLanguageModel:
    """Load a model. `progress` is told in a few words what is going on; with `anyway` also one that is not expected to
    fit. Raises ModelUnavailable, and Cancelled where a download is stopped: what it has is kept."""
    with _in_a_sentence(spec):
        return _load(spec, progress, anyway, cancel)


@contextmanager
def _in_a_sentence(spec: ModelSpec) -> Iterator[None]:
    """What is wrong with a model's files can show anywhere: whatever has no sentence of its own yet gets one. Raises
    ModelUnavailable."""
    try:
        yield
    except (SightlineError, Cancelled):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:160]
        raise ModelUnavailable(
            f"{spec.source} cannot be loaded ({type(error).__name__}{': ' if said else ''}{said}). Its files are "
            "damaged, or made for another version of transformers: download it again, or choose another model."
        ) from error


def _counted(folder: Path, weights: Sequence[Path]) -> dict[str, int]:
    """How many numbers of each safetensors dtype a folder's weights hold. Raises ModelUnavailable where they are
    damaged, or its configuration is of a network of other sizes."""
    headers = [read_header(path) for path in weights]
    check_sizes(called(folder), read_json(folder / "config.json"), sum(map(len, headers)))
    return count_parameters(headers)


def _estimate(spec: ModelSpec, freed: int = 0) -> MemoryEstimate:
    folder = local_folder(spec)
    devices = spec.torch_devices()
    if folder is None:
        return _judge_download(spec, hub_files(spec), devices, freed)
    config = read_configuration(folder)
    check_adapter_beside(spec, folder)
    counts = _counted(folder, check_folder(folder))
    return _judge(spec, folder, config, counts, devices, freed)


def _load(
    spec: ModelSpec, progress: Callable[[str], None], anyway: bool, cancel: CancelToken | None
) -> VisionLanguageModel:
    progress("Looking for the model's files")
    devices = spec.torch_devices()
    folder = local_folder(spec)
    if folder is None:
        files = hub_files(spec)
        if not anyway:
            _refuse_if_too_large(_judge_download(spec, files, devices))
        folder = download(spec, files, progress, cancel)
    check_kind(folder)
    config = read_configuration(folder)
    check_adapter_beside(spec, folder)
    adapter = _adapter(spec, progress, cancel)
    weights = check_folder(folder)
    counts = _counted(folder, weights)
    described = read_json(folder / "config.json")
    if not anyway:
        _refuse_if_too_large(_judge(spec, folder, config, counts, devices))
    empty = empty_network(folder, config)
    method = method_of(described)
    if method is not None:
        check_package(called(folder), method)
        if spec.quantisation != "none":
            raise ModelUnavailable(
                f"The weights of {called(folder)} are quantised already ({stored_as(described)}). Load it as it is."
            )
    else:
        refuse_if_unlike(folder, empty, sum(counts.values()))
    dtype = _dtype(spec, counts, devices[0])
    progress("Loading the processor")
    family = family_of(config)
    processor = read_processor(folder, family)
    parameters = sum(parameter.numel() for parameter in empty.parameters())
    progress(f"Loading {parameters / 1e6:,.0f} million parameters")
    among = devices[:1] if family.undivided else devices
    placement = _placement(spec, empty, _weight_bytes(spec, counts, dtype), among)
    network = read_network(folder, config, dtype, placement, quantisation_config(spec.quantisation, dtype))
    with_gradients(network)
    if adapter is not None:
        progress("Putting its adapter on")
        put_on(network, adapter, fold=method is None and spec.quantisation == "none")
    if devices[0].type == "cpu":
        choose_threads()
    processor = family.adapt(network, processor)
    config = network.config
    check_decoder(folder, network)
    precision = str(dtype).removeprefix("torch.")
    quantised = stored_as(described) if method else {"8bit": "8 bit", "4bit": "4 bit"}.get(spec.quantisation, "")
    stored = f"-{spec.quantisation}" if spec.quantisation != "none" else ""
    name = called(folder) if is_folder(typed_path(spec.source)) else spec.source
    card = _card(
        config,
        name=name if adapter is None else f"{name} with {called(adapter)}",
        source=spec.source,
        family=family.key,
        parameters=parameters,
        dtype=precision,
        device=str(network.device),
        image_grid=family.image_grid(PromptContext(config, processor, network)),
        fingerprint=f"{fingerprint(folder, weights, adapter)}-{precision}{stored}-{devices[0].type}",
        quantisation=quantised,
        adapter="" if adapter is None else called(adapter),
        placement=_in_words(placement),
        commit=(hub_place(folder) or ("", ""))[1],
        weight_bytes=sum(each.numel() * each.element_size() for each in (*network.parameters(), *network.buffers())),
    )
    progress("Ready")
    return TransformersModel(network, processor, family, card)


def check_adapter_beside(spec: ModelSpec, folder: Path) -> None:
    """Raises ModelUnavailable where an adapter lies in a whole model's folder and the spec does not say whether it is
    meant: it must not be left out, nor put on, in silence."""
    if spec.adapter is None and has_adapter(folder):
        raise ModelUnavailable(
            f"Beside the model {called(folder)} lies an adapter. Say whether it is to be put on: give {spec.source} as "
            f'the adapter, too, or "{NO_ADAPTER}" to leave it out.'
        )


def _adapter(spec: ModelSpec, progress: Callable[[str], None], cancel: CancelToken | None) -> Path | None:
    """The folder of the adapter that a spec names, downloaded where it is not here; None where it names none. Raises
    ModelUnavailable, Cancelled."""
    if spec.adapter is None or spec.adapter == NO_ADAPTER:
        return None
    folder = local_adapter(spec.adapter)
    if folder is None:
        of = ModelSpec(spec.adapter)
        folder = download(of, adapter_files(of), progress, cancel)
    check_adapter(folder)
    return folder


def _card(config: Any, **described: Any) -> ModelCard:
    """The card of a model, its sizes read from the configuration of its decoder."""
    text = config.get_text_config()
    return ModelCard(
        layers=int(text.num_hidden_layers),
        heads=int(text.num_attention_heads),
        key_value_heads=int(getattr(text, "num_key_value_heads", None) or text.num_attention_heads),
        hidden=int(text.hidden_size),
        vocabulary=int(text.vocab_size),
        without_attention=layers_without_attention(config),
        **described,
    )


def _placement(
    spec: ModelSpec, empty: Any, weights: int, devices: tuple[torch.device, ...]
) -> torch.device | dict[str, str]:
    """One device, where the model fits there or there is no other; else each module's."""
    if len(devices) == 1 or (spec.device == "auto" and weights * 1.3 < available_bytes(devices[0])):
        return devices[0]
    check_several()
    room = {str(device): available_bytes(device) for device in devices}
    numbers = sum(parameter.numel() for parameter in empty.parameters())
    return device_map(empty, room, str(devices[0]), weights / max(1, numbers))


def _in_words(placement: torch.device | dict[str, str]) -> str:
    if isinstance(placement, torch.device):
        return ""
    layers = [device for name, device in placement.items() if name.rpartition(".")[2].isdigit()]
    return ", ".join(f"{layers.count(device)} layers on {device}" for device in dict.fromkeys(layers))


def _dtype(spec: ModelSpec, counts: dict[str, int], device: torch.device) -> torch.dtype:
    """The precision a model is to have whose weights hold `counts` numbers of each safetensors dtype."""
    plain = {name: count for name, count in counts.items() if name in PLAIN}
    stored_half = sum(count for name, count in plain.items() if name in HALF) * 2 > sum(plain.values())
    return spec.torch_dtype(device, stored_half)


def _weight_bytes(spec: ModelSpec, counts: dict[str, int], dtype: torch.dtype) -> int:
    """What the weights will take. Packed ones stay as they are; those that are quantised while they are read are all
    but a tenth."""
    packed = sum(count * BYTES.get(name, 1) for name, count in counts.items() if name not in PLAIN)
    numbers = sum(count for name, count in counts.items() if name in PLAIN)
    if spec.quantisation != "none":
        return packed + int(numbers * (0.9 * BITS[spec.quantisation] / 8 + 0.1 * dtype.itemsize))
    return packed + numbers * dtype.itemsize


def _working_bytes(config: Any, number_bytes: int) -> int:
    """What asking and explaining a long question takes: the states between layers, keys and values, and the largest
    layer's own."""
    text = config.get_text_config()
    layers, hidden = int(text.num_hidden_layers), int(text.hidden_size)
    heads = int(text.num_attention_heads)
    keys = 2 * layers * hidden * int(getattr(text, "num_key_value_heads", None) or heads) // heads
    return LONG_QUESTION * number_bytes * ((layers + 1) * hidden + keys + 48 * hidden)


def _judge(
    spec: ModelSpec,
    folder: Path,
    config: Any,
    counts: dict[str, int],
    devices: tuple[torch.device, ...],
    freed: int = 0,
) -> MemoryEstimate:
    dtype = _dtype(spec, counts, devices[0])
    working = _working_bytes(config, dtype.itemsize)
    name = called(folder) if is_folder(typed_path(spec.source)) else spec.source
    return judge_memory(
        name, _weight_bytes(spec, counts, dtype), working, devices, _others(spec, counts, dtype, working), freed
    )


def _judge_download(
    spec: ModelSpec, files: HubFiles, devices: tuple[torch.device, ...], freed: int = 0
) -> MemoryEstimate:
    """The estimate for a hub model, nearly all of which are stored in 16 bits."""
    counts = {"BF16": files.weights // BYTES["BF16"]}
    dtype, working = _dtype(spec, counts, devices[0]), files.weights // 10
    others = _others(spec, counts, dtype, working)
    return judge_memory(spec.source, _weight_bytes(spec, counts, dtype), working, devices, others, freed)


def _others(spec: ModelSpec, counts: dict[str, int], dtype: torch.dtype, working: int) -> dict[str, tuple[int, int]]:
    """Other ways of loading a model that take less, with the bytes of its weights and of what stands beside them."""
    if spec.quantisation == "4bit" or not PLAIN & counts.keys():
        return {}
    half = torch.bfloat16
    kinds: dict[str, Quantisation] = {"8 bit": "8bit", "4 bit": "4bit"}
    if dtype.itemsize > half.itemsize:
        kinds = {"bfloat16": "none", **kinds}
    return {
        name: (
            _weight_bytes(replace(spec, quantisation=quantisation), counts, half),
            working * half.itemsize // dtype.itemsize,
        )
        for name, quantisation in kinds.items()
    }


def _refuse_if_too_large(estimate: MemoryEstimate) -> None:
    if not estimate.fits:
        raise ModelUnavailable(estimate.sentence)
