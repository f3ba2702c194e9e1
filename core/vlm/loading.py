"""From a model spec to a model that answers.

Folders, the embedded model and hub models take the same path: find the folder, look whether its files are there and
whole and fit into memory, then one `AutoProcessor` and one `AutoModelForImageTextToText` call. Code from a model
repository is never run, and pickled weights are never opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from ..assets import asset
from .errors import ModelUnavailable
from .hf.capture import NAME as RECORDED_ATTENTION
from .hf.capture import TOWER as TOWER_ATTENTION
from .hf.families import family_of
from .hf.files import BYTES, check_folder, count_parameters, fingerprint, read_header, read_json
from .hf.hub import download, hub_size, local_folder
from .hf.network import TransformersModel
from .hf.processor import load_processor
from .memory import MemoryEstimate, judge_memory
from .model import ModelCard, VisionLanguageModel
from .threads import choose_threads

__all__ = [
    "EMBEDDED",
    "MemoryEstimate",
    "ModelSpec",
    "ModelUnavailable",
    "SuggestedModel",
    "estimate_memory",
    "load_model",
    "on_this_machine",
    "suggested_models",
]

DType = Literal["auto", "float32", "bfloat16", "float16"]
HALF = {"F16", "BF16"}


@dataclass(frozen=True)
class ModelSpec:
    """Which model, in which precision, where. `source` is a folder or a hub id.

    dtype "auto" is bfloat16 for weights stored in 16 bits where the device computes in it natively, else float32.
    device "auto" is the first GPU, else the CPU.
    """

    source: str
    dtype: DType = "auto"
    device: str = "auto"


@dataclass(frozen=True)
class SuggestedModel:
    """A model worth trying. `parameters` in billions."""

    source: str
    label: str
    parameters: float
    note: str


EMBEDDED = ModelSpec(str(asset("street-llava")))
"""The small model that comes with Sightline."""


def suggested_models() -> tuple[SuggestedModel, ...]:
    """Models known to work, the embedded one first."""
    return (
        SuggestedModel(EMBEDDED.source, "Street LLaVA (embedded)", 0.005, "Drawn street scenes. Nothing to download."),
        SuggestedModel(
            "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen2.5-VL 3B", 3.8, "Photographs and text; its grid follows the picture."
        ),
        SuggestedModel(
            "llava-hf/llava-1.5-7b-hf", "LLaVA 1.5 7B", 7.1, "The model of many papers: 24 x 24 image tokens."
        ),
        SuggestedModel("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL 7B", 8.3, "Stronger; for a GPU with 24 GB."),
    )


def on_this_machine(source: str) -> bool:
    """Whether a model can be loaded without fetching anything. Touches no network. Raises ModelUnavailable for what is
    neither a folder nor a hub id."""
    return local_folder(source) is not None


def estimate_memory(spec: ModelSpec) -> MemoryEstimate:
    """What loading `spec` takes and what is free, without loading it.

    Asks the hub for the size of a model that is not here. Raises ModelUnavailable.
    """
    folder = local_folder(spec.source)
    device = _device(spec)
    if folder is None:
        return _judge_download(spec, hub_size(spec.source), device)
    counts = count_parameters(read_header(path) for path in check_folder(folder))
    return _judge(spec, folder.name, counts, device)


def load_model(spec: ModelSpec, progress: Callable[[str], None] | None = None) -> VisionLanguageModel:
    """Load a model. `progress` is told in a few words what is going on. Raises ModelUnavailable."""
    report = progress or (lambda _: None)
    report("Looking for the model's files")
    device = _device(spec)
    folder = local_folder(spec.source)
    if folder is None:
        size = hub_size(spec.source)
        _refuse_if_too_large(_judge_download(spec, size, device))
        folder = download(spec.source, size, report)
    weights = check_folder(folder)
    counts = count_parameters(read_header(path) for path in weights)
    config = _configuration(folder)
    _refuse_if_too_large(_judge(spec, folder.name, counts, device))
    _refuse_if_unlike(folder, config, sum(counts.values()))
    dtype = _dtype(spec, counts, device)
    report("Loading the processor")
    processor = _processor(folder)
    report(f"Loading {sum(counts.values()) / 1e6:,.0f} million parameters")
    network = _network(folder, dtype, device)
    if device.type == "cpu":
        choose_threads()
    family = family_of(config)
    text = config.get_text_config()
    card = ModelCard(
        name=folder.name if Path(spec.source).expanduser().is_dir() else spec.source,
        source=spec.source,
        family=family.name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
        layers=int(text.num_hidden_layers),
        heads=int(text.num_attention_heads),
        key_value_heads=int(getattr(text, "num_key_value_heads", None) or text.num_attention_heads),
        hidden=int(text.hidden_size),
        vocabulary=int(text.vocab_size),
        image_grid=family.image_grid(config, processor),
        fingerprint=f"{fingerprint(folder, weights)}-{str(dtype).removeprefix('torch.')}-{device.type}",
    )
    report("Ready")
    return TransformersModel(network, processor, family, card)


def _device(spec: ModelSpec) -> torch.device:
    if spec.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(spec.device)
    except RuntimeError:
        raise ModelUnavailable(f"There is no device {spec.device!r}. Choose cpu, cuda or auto.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelUnavailable("This machine has no GPU that PyTorch can use. Choose the device cpu or auto.")
    return device


def _native_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())


def _dtype(spec: ModelSpec, counts: dict[str, int], device: torch.device) -> torch.dtype:
    if spec.dtype != "auto":
        dtype: torch.dtype = getattr(torch, spec.dtype)
        return dtype
    stored_half = sum(count for name, count in counts.items() if name in HALF) * 2 > sum(counts.values())
    return torch.bfloat16 if stored_half and _native_bfloat16(device) else torch.float32


def _judge(spec: ModelSpec, name: str, counts: dict[str, int], device: torch.device) -> MemoryEstimate:
    dtype = _dtype(spec, counts, device)
    return judge_memory(name, sum(counts.values()) * dtype.itemsize, device, dtype.itemsize == 2)


def _judge_download(spec: ModelSpec, size: int, device: torch.device) -> MemoryEstimate:
    """The estimate for a hub model, nearly all of which are stored in 16 bits."""
    counts = {"BF16": size // BYTES["BF16"]}
    return _judge(spec, spec.source, counts, device)


def _refuse_if_unlike(folder: Path, config: Any, stored: int) -> None:
    """Refuse a configuration of a much larger model than the weights hold, before memory is taken for it."""
    try:
        with torch.device("meta"):
            described = sum(p.numel() for p in AutoModelForImageTextToText.from_config(config).parameters())
    except Exception as error:  # a damaged configuration can fail anywhere in the constructors
        raise ModelUnavailable(
            f"config.json of {folder.name} describes no model that can be built ({_short(error)}). "
            "Download the model again."
        ) from error
    if described > 1.5 * stored:
        raise ModelUnavailable(
            f"config.json of {folder.name} describes {described:,} parameters and its weights hold {stored:,}: they "
            "belong to different models. Download the model again."
        )


def _refuse_if_too_large(estimate: MemoryEstimate) -> None:
    if not estimate.fits:
        raise ModelUnavailable(estimate.sentence)


def _configuration(folder: Path) -> Any:
    model_type = read_json(folder / "config.json").get("model_type")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ModelUnavailable(
            f"{folder.name} is of a kind ({model_type}) that this version of transformers does not know, or its "
            "config.json is damaged. Choose another model; code from model repositories is never run here."
        ) from error
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise ModelUnavailable(
            f"{folder.name} is a {model_type} model, which does not answer questions about pictures in words. "
            "Choose an image-text-to-text model."
        )
    outside = hasattr(config.get_text_config(), "cross_attention_layers") or getattr(
        config, "is_encoder_decoder", False
    )
    if outside or not isinstance(getattr(config, "image_token_id", None), int):
        raise ModelUnavailable(
            f"{folder.name} is a {model_type} model, whose picture does not enter as image tokens of the sequence; "
            "such families are not supported. Choose a LLaVA or Qwen-VL model."
        )
    return config


def _processor(folder: Path) -> Any:
    try:
        processor = load_processor(folder)
    except ImportError as error:
        raise _lacking(f"The processor of {folder.name} needs", error, "choose another model") from error
    except Exception as error:  # transformers and tokenizers raise whatever their parsers raise
        raise ModelUnavailable(
            f"The processor or tokenizer of {folder.name} cannot be loaded ({_short(error)}). Download the model again."
        ) from error
    for part in ("tokenizer", "image_processor"):
        if getattr(processor, part, None) is None:
            raise ModelUnavailable(f"{folder.name} has no {part.replace('_', ' ')}. Download the model again.")
    if not getattr(processor, "chat_template", None):
        raise ModelUnavailable(
            f"{folder.name} has no chat template, so it is probably a base model that was never taught to answer. "
            "Choose its instruct or chat version."
        )
    return processor


def _network(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    try:
        network, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype,
            attn_implementation={"": "sdpa", "text_config": RECORDED_ATTENTION, "vision_config": TOWER_ATTENTION},
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        network = network.to(device)
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(
            f"{folder.name} does not fit into the GPU's memory. Load it in bfloat16, or choose a smaller model."
        ) from error
    except ImportError as error:  # quantised weights
        raise _lacking(f"The weights of {folder.name} need", error, "choose a version that is not quantised") from error
    except Exception as error:  # a damaged file or configuration can fail anywhere in the constructors
        raise ModelUnavailable(
            f"The weights of {folder.name} cannot be loaded ({_short(error)}). Download the model again."
        ) from error
    lacking = sorted(report.get("missing_keys", ())) or sorted(str(key) for key in report.get("mismatched_keys", ()))
    if lacking:
        # transformers would fill them with random numbers and go on.
        raise ModelUnavailable(
            f"The weights of {folder.name} do not fit its config.json: {len(lacking)} tensors are missing or of "
            f"another shape, {lacking[0]} first. Download the model again."
        )
    return network


def _lacking(who: str, error: ImportError, otherwise: str) -> ModelUnavailable:
    what = str(error).strip().split(". ")[0].rstrip(".")
    return ModelUnavailable(
        f"{who} a package that is not installed ({what}). Install that beside Sightline and start it again, or "
        f"{otherwise}."
    )


def _short(error: Exception) -> str:
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0][:160]}" if first else type(error).__name__
