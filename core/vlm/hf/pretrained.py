"""Configuration, processor and network of a local model folder, each with a sentence for whatever can be wrong.

Code from a model repository is never run, and pickled weights are never opened.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_MULTIMODAL_LM_MAPPING,
)

from ...errors import ModelUnavailable
from ..memory import out_of_memory
from .capture import NAME as RECORDED_ATTENTION
from .capture import TOWER as TOWER_ATTENTION
from .decoder import decoder_of
from .families.base import Family
from .families.registry import family_of
from .files import called, read_json
from .frames.loading import load_frames
from .kinds import of_another_task, runs_by_own_code
from .placement import attach
from .processor import load_processor
from .quantised import method_of
from .sizes import check_sizes
from .vetting import check_descriptions


def read_configuration(folder: Path) -> Any:
    """The configuration of a model that takes pictures as image tokens of its sequence. Raises ModelUnavailable."""
    described = read_json(folder / "config.json")
    model_type = described.get("model_type")
    check_sizes(called(folder), described)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # its checks have errors of their own
        own_code = runs_by_own_code(called(folder), described)
        raise ModelUnavailable(
            own_code
            or f"{called(folder)} is of a kind ({model_type}) that this version of transformers does not know, or its "
            "config.json is damaged. Choose another model; code from model repositories is never run here."
        ) from error
    # A model that also hears and speaks (Qwen's Omni): the part that reads pictures and writes words is one by itself.
    config = getattr(config, "thinker_config", config)
    if other_task := of_another_task(called(folder), described):
        raise ModelUnavailable(other_task)
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise ModelUnavailable(f"{called(folder)} {_other(config)}")
    if getattr(config, "is_encoder_decoder", False):
        raise ModelUnavailable(
            f"{called(folder)} is a {model_type} model whose language model is an encoder-decoder: one network reads "
            "the question and another writes the answer, and only models that do both in one are explained here. "
            "Choose a version over a decoder (of BLIP-2 one with OPT, of InstructBLIP one with Vicuna), or another "
            "model."
        )
    outside = hasattr(config.get_text_config(), "cross_attention_layers") and not family_of(config).across
    if outside or not (family_of(config).network_class or isinstance(getattr(config, "image_token_id", None), int)):
        raise ModelUnavailable(
            f"{called(folder)} is a {model_type} model, whose picture does not enter as image tokens of the sequence; "
            "such families are not supported. Choose a LLaVA or Qwen-VL model."
        )
    return config


def _other(config: Any) -> str:
    """What a model does that is not of the kind that answers questions about pictures, and what to choose."""
    if type(config) in MODEL_FOR_MULTIMODAL_LM_MAPPING:
        return (
            f"is a {config.model_type} model, which reads pictures in a way of its own that is not supported here. "
            "Choose an image-text-to-text model."
        )
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return (
            f"is a {config.model_type} model, which reads words alone and takes no pictures. Choose an "
            "image-text-to-text model."
        )
    return (
        f"is a {config.model_type} model, which does not answer questions about pictures in words. Choose an "
        "image-text-to-text model."
    )


def empty_network(folder: Path, config: Any) -> Any:
    """The network that a configuration describes, without any memory for its weights. Raises ModelUnavailable."""
    try:
        with torch.device("meta"):
            own = _own_class(config)
            return AutoModelForImageTextToText.from_config(config) if own is None else own(config)
    except ImportError as error:
        raise _lacking(f"{called(folder)} needs", error, "choose another model") from error
    except Exception as error:  # a damaged configuration can fail anywhere in the constructors
        raise ModelUnavailable(
            f"config.json of {called(folder)} describes no model that can be built ({_short(error)}). "
            "Download the model again."
        ) from error


def _own_class(config: Any) -> Any:
    """The class that a family names for its networks; None where it is the one that the model type is mapped to."""
    name = family_of(config).network_class
    return None if name is None else getattr(transformers, name)


def check_decoder(folder: Path, network: Any) -> None:
    """Raises ModelUnavailable for a network whose decoder does not hold its layers where those that are explained here
    have them, as GPT-2 and MPT do not."""
    try:
        decoder_of(network)
    except AttributeError as error:
        kind = network.config.get_text_config().model_type
        raise ModelUnavailable(
            f"The language model of {called(folder)} is built in a way ({kind}) whose layers cannot be told apart "
            "here. Choose a model over another one, such as Llama, Mistral, Qwen or Gemma."
        ) from error


def refuse_if_unlike(folder: Path, empty: Any, stored: int) -> None:
    """Raises ModelUnavailable for a configuration of a much larger model than the `stored` numbers of the weights,
    before memory is taken for it."""
    described = sum(parameter.numel() for parameter in empty.parameters())
    if described > 1.5 * stored:
        raise ModelUnavailable(
            f"config.json of {called(folder)} describes {described:,} parameters and its weights hold {stored:,}: they "
            "belong to different models. Download the model again."
        )


def read_processor(folder: Path, family: Family) -> Any:
    """The processor, with tokenizer, image processor and chat template: its own, its tokenizer's, or the form of prompt
    that the family was taught. Raises ModelUnavailable."""
    check_descriptions(folder)
    try:
        processor = load_processor(folder)
    except Exception as error:  # transformers and tokenizers raise whatever their parsers raise
        # Some say in words alone that a package is missing.
        if isinstance(error, ImportError) or "torchvision" in str(error).lower():
            raise _lacking(f"The processor of {called(folder)} needs", error, "choose another model") from error
        if _only_sentencepiece(folder) and find_spec("sentencepiece") is None:
            who = f"The tokenizer of {called(folder)} is a file of SentencePiece and needs"
            otherwise = "choose a version of the model that has a tokenizer.json"
            raise _lacking(who, ImportError("sentencepiece"), otherwise) from error
        raise ModelUnavailable(
            f"The processor or tokenizer of {called(folder)} cannot be loaded ({_short(error)}). Download the model "
            "again."
        ) from error
    for part in ("tokenizer", "image_processor"):
        if getattr(processor, part, None) is None:
            raise ModelUnavailable(f"{called(folder)} has no {part.replace('_', ' ')}. Download the model again.")
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
            f"{called(folder)} has no chat template, and how a {_type_of(folder)} model is asked without one is not "
            "known here. Choose a version with one (instruct and chat versions mostly have it), or put a "
            "chat_template.jinja into its folder."
        )
    if family.video:
        # Whatever was loaded resizes with torchvision, or is none.
        processor.video_processor = load_frames(folder, family.video)
    return processor


def read_network(
    folder: Path, config: Any, dtype: torch.dtype, placement: torch.device | dict[str, str], quantisation: Any = None
) -> Any:
    """The network with its weights, its attention under the names of `capture.py`, on a device or, module by module, on
    several. `quantisation` is a configuration of `transformers`. Raises ModelUnavailable."""
    several: dict[str, Any] = {}
    if quantisation is not None or isinstance(placement, dict) or hasattr(config, "quantization_config"):
        several["device_map"] = placement if isinstance(placement, dict) else {"": placement}
    if quantisation is not None:
        several["quantization_config"] = quantisation
    try:
        network, report = (_own_class(config) or AutoModelForImageTextToText).from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            attn_implementation=_attention_of(config),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            # Where an adapter lies beside the model, it is put on only when it is asked for.
            adapter_kwargs={"subfolder": "no adapter"},
            **several,
        )
        if isinstance(placement, dict):
            attach(network, placement, next(iter(placement.values())))
        elif not several:
            network = network.to(placement)
    except ImportError as error:
        # What reads quantised weights also calls a card that is not there an import that failed.
        if (method := method_of(read_json(folder / "config.json"))) is not None:
            raise ModelUnavailable(
                f"The weights of {called(folder)} are quantised ({method}), and that cannot be computed with here "
                f"({_short(error)}). Give it what it asks for and start Sightline again, or choose a version that is "
                "not quantised."
            ) from error
        raise _lacking(f"The weights of {called(folder)} need", error, "choose another version") from error
    except Exception as error:  # a damaged file or configuration can fail anywhere in the constructors
        if out_of_memory(error):
            raise ModelUnavailable(
                f"{called(folder)} does not fit into the memory. Load it in bfloat16, in 8 or 4 bit, or choose a "
                "smaller model."
            ) from error
        method = method_of(read_json(folder / "config.json"))
        if method is not None or quantisation is not None:
            raise ModelUnavailable(
                f"The weights of {called(folder)} are quantised ({method or 'bitsandbytes'}), and that cannot be "
                f"computed with here ({_short(error)}). Choose a version that is not quantised, or another device."
            ) from error
        raise ModelUnavailable(
            f"The weights of {called(folder)} cannot be loaded ({_short(error)}). Download the model again."
        ) from error
    lacking = sorted(report.get("missing_keys", ())) or sorted(str(key) for key in report.get("mismatched_keys", ()))
    if lacking:
        # transformers would fill them with random numbers and go on.
        raise ModelUnavailable(
            f"The weights of {called(folder)} do not fit its config.json: {len(lacking)} tensors are missing or of "
            f"another shape, {lacking[0]} first. Download the model again."
        )
    return network


def _type_of(folder: Path) -> str:
    return str(read_json(folder / "config.json").get("model_type"))


EXTRAS = {
    "torchvision": "pip install 'sightline[torchvision]', the build that belongs to the installed torch",
    "timm": "pip install timm",
    "sentencepiece": "pip install sentencepiece",
    "accelerate": "pip install 'sightline[several-gpus]'",
    "bitsandbytes": "pip install 'sightline[bitsandbytes]'",
    "peft": "pip install 'sightline[peft]'",
}
"""How to get what may be missing."""


def _attention_of(config: Any) -> dict[str, str]:
    """The attention of each part: recorded in the decoder, observed in the tower. A tower that computes its own
    (GOT-OCR 2, whose scores know of distances) keeps it, and whoever refuses SDPA is not given it. Where the
    decoder has no configuration of its own (Chameleon), the whole is its."""
    if config.get_text_config() is config:
        return {"": RECORDED_ATTENTION, "vision_config": TOWER_ATTENTION}
    if getattr(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING.get(type(config), None), "_supports_sdpa", True):
        return {"": "sdpa", "text_config": RECORDED_ATTENTION, "vision_config": TOWER_ATTENTION}
    return {"": "eager", "text_config": RECORDED_ATTENTION, "vision_config": "eager"}


def _only_sentencepiece(folder: Path) -> bool:
    return not (folder / "tokenizer.json").is_file() and any(folder.glob("*.model"))


def _lacking(who: str, error: Exception, otherwise: str) -> ModelUnavailable:
    said = str(error)
    package = next((name for name in EXTRAS if name in said.lower()), None)
    if package is not None:
        return ModelUnavailable(
            f"{who} the package {package}, which is not installed. Install it ({EXTRAS[package]}) and start Sightline "
            f"again, or {otherwise}."
        )
    what = said.strip().split(". ")[0].rstrip(".")
    return ModelUnavailable(
        f"{who} a package that is not installed ({what}). Install that beside Sightline and start it again, or "
        f"{otherwise}."
    )


def _short(error: Exception) -> str:
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0][:160]}" if first else type(error).__name__
