"""Configuration, processor and network of a local model folder, each with a sentence for whatever can be wrong.

Code from a model repository is never run, and pickled weights are never opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from ...errors import ModelUnavailable
from .capture import NAME as RECORDED_ATTENTION
from .capture import TOWER as TOWER_ATTENTION
from .families.base import Family
from .files import read_json
from .processor import load_processor


def read_configuration(folder: Path) -> Any:
    """The configuration of a model that takes pictures as image tokens of its sequence. Raises ModelUnavailable."""
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
    if getattr(config, "is_encoder_decoder", False):
        raise ModelUnavailable(
            f"{folder.name} is a {model_type} model whose language model is an encoder-decoder: one network reads the "
            "question and another writes the answer, and only models that do both in one are explained here. Choose a "
            "version over a decoder (of BLIP-2 one with OPT, of InstructBLIP one with Vicuna), or another model."
        )
    outside = hasattr(config.get_text_config(), "cross_attention_layers")
    if outside or not isinstance(getattr(config, "image_token_id", None), int):
        raise ModelUnavailable(
            f"{folder.name} is a {model_type} model, whose picture does not enter as image tokens of the sequence; "
            "such families are not supported. Choose a LLaVA or Qwen-VL model."
        )
    return config


def refuse_if_unlike(folder: Path, config: Any, stored: int) -> None:
    """Raises ModelUnavailable for a configuration of a much larger model than the `stored` numbers of the weights,
    before memory is taken for it."""
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


def read_processor(folder: Path, family: Family) -> Any:
    """The processor, with tokenizer, image processor and chat template: its own, its tokenizer's, or the form of prompt
    that the family was taught. Raises ModelUnavailable."""
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
    for template in (
        getattr(processor, "chat_template", None),
        getattr(processor.tokenizer, "chat_template", None),
        family.chat_template(processor),
    ):
        if template:
            processor.chat_template = template
            break
    else:
        raise ModelUnavailable(
            f"{folder.name} has no chat template, so it is probably a base model that was never taught to answer. "
            "Choose its instruct or chat version."
        )
    return processor


def read_network(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """The network with its weights, its attention under the names of `capture.py`. Raises ModelUnavailable."""
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
