"""What a folder or repository is that is no model to be loaded here: each kind has its own sentence, with what to do.

Told from the names of its files, so that it can be told before anything is downloaded, and from config.json.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatch
from typing import Any

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

SUCCESSORS = {
    "internvl_chat": "OpenGVLab's repositories whose names end in -hf, such as OpenGVLab/InternVL3-2B-hf, need none",
    "llava_llama": "llava-hf/llava-1.5-7b-hf is the same model and needs none",
    "llava_mistral": "llava-hf/llava-v1.6-mistral-7b-hf is the same model and needs none",
    "llava_qwen": "llava-hf's repositories, such as llava-hf/llava-onevision-qwen2-0.5b-ov-hf, need none",
    "multi_modality": "deepseek-community's repositories, such as deepseek-community/Janus-Pro-1B, need none",
    "ovis": "thisisiron/Ovis2-1B-hf needs none",
    "phi4mm": "revision refs/pr/70 of microsoft/Phi-4-multimodal-instruct needs none",
    "cogvlm2": "zai-org/GLM-4.1V-9B-Thinking, which followed it, needs none",
    "chatglm": "zai-org/GLM-4.1V-9B-Thinking, which followed it, needs none",
    "qwen": "Qwen/Qwen2-VL-2B-Instruct, which followed it, needs none",
}
"""By model type of a repository whose model is code of its own: where the same model, or the next one, is to be had in
the form that transformers knows."""


def trouble_with_files(name: str, files: Collection[str], base: str | None = None) -> str | None:
    """What is to be said of something called `name` that has these files, where it is no model in safetensors; None
    where it may be one. `base` is the model that an adapter says it belongs to."""
    whole = "config.json" in files
    weights = any(fnmatch(file, "*.safetensors") and file != ADAPTER_WEIGHTS for file in files)
    if ADAPTER_CONFIG in files and not (whole and weights):
        of = base or "the model it was trained on"
        return f"{name} is an adapter of {of}, not a whole model. Load {of}, and give {name} as its adapter."
    if not weights and any(fnmatch(file, "*.gguf") for file in files):
        return (
            f"{name} has its weights as GGUF, the format of llama.cpp, which shows nothing of what happens inside. "
            "Choose the original model, with weights in safetensors; in 8 or 4 bit it takes as little memory."
        )
    if "model_index.json" in files and not whole:
        return f"{name} is a pipeline that makes pictures and answers no questions. Choose an image-text-to-text model."
    if "params.json" in files and not whole:
        return (
            f"{name} is in its publisher's own layout (params.json and consolidated weights), not in that of "
            "transformers. Choose the version with a config.json; its name often ends in -hf."
        )
    if not weights and any(fnmatch(file, "*.onnx") for file in files):
        return (
            f"{name} has its weights as ONNX, a finished program whose inside cannot be looked at. Choose the original "
            "model, with weights in safetensors."
        )
    return None


def trouble_with_config(name: str, config: Mapping[str, Any]) -> str | None:
    """What is to be said of a configuration whose weights are packed in a way that nothing here reads; else None."""
    if isinstance(config.get("quantization"), dict) and "quantization_config" not in config:
        return (
            f"{name} has weights that MLX packed for Apple's chips, which PyTorch does not read. Choose the original "
            "model; in 8 or 4 bit it takes as little memory."
        )
    return None


def of_another_task(name: str, config: Mapping[str, Any]) -> str | None:
    """What is to be said of a model whose type has versions that answer questions, where this is none of them; else
    None."""
    architectures = config.get("architectures") or ()
    if config.get("model_type") != "blip" or "BlipForQuestionAnswering" in architectures:
        return None
    what = {
        "BlipForConditionalGeneration": "a BLIP that writes captions",
        "BlipForImageTextRetrieval": "a BLIP that says how well a text fits a picture",
    }.get(next(iter(architectures), ""), "a BLIP whose config.json does not say that it answers questions")
    return (
        f"{name} is {what}. Choose one for visual question answering, such as Salesforce/blip-vqa-base, whose "
        "config.json names the architecture BlipForQuestionAnswering."
    )


def runs_by_own_code(name: str, config: Mapping[str, Any]) -> str | None:
    """What is to be said of a model of a type that `transformers` does not know, where its repository brings code of
    its own; None where it brings none."""
    if not config.get("auto_map"):
        return None
    successor = SUCCESSORS.get(str(config.get("model_type")))
    instead = f"{successor}." if successor else "Look for a version of it whose name ends in -hf, or choose another."
    return (
        f"{name} is a {config.get('model_type')} model, whose program lies in its own repository "
        f"(trust_remote_code), and such code is never run here. {instead}"
    )
