"""Tiny random models of a few families, saved to a folder as a hub model would be, and loaded back from there.

`save_llava` has one square grid and as many key heads as heads; `save_qwen` has a grid that follows the picture,
heads that share keys, and three rotary axes; `save_deepstack` adds visual features between its layers. Weights are
random: what they answer means nothing, but how they compute is what a large model of the family does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from core.vlm.hf.families.base import Family
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from core.zoo.tokenizer import build_tokenizer

PATCH = 14
LLAVA_SIDE = 56
WIDE_PATCH = 8
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\n"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% if message['role'] == 'assistant' %}</s>{% else %} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
QWEN_TEMPLATE = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _decoder(vocabulary: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 1024,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **more,
    }


def _save(network: Any, folder: Path) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            # Sharper attention and logits than freshly drawn weights give: differences would not show in flat ones.
            parameter.mul_(1.6 if parameter.ndim > 1 else 1.0)
        # Random answers would otherwise often end at once.
        network.lm_head.weight[2] = 0
    network.generation_config = transformers.GenerationConfig(pad_token_id=0, bos_token_id=1, eos_token_id=2)
    network.save_pretrained(folder)


def save_llava(folder: Path, seed: int = 0, **decoder: Any) -> Path:
    """A LLaVA over 56 px pictures: 4 x 4 image tokens, 3 layers, 4 heads with keys of their own.

    `decoder` changes the text configuration, for instance model_type="mistral", sliding_window=8.
    """
    tokenizer = build_tokenizer(image_token="<image>")
    torch.manual_seed(seed)
    config = transformers.LlavaConfig(
        text_config={"model_type": "llama", "num_key_value_heads": 4, **_decoder(len(tokenizer)), **decoder},
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": LLAVA_SIDE,
            "patch_size": PATCH,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(LLAVA_SIDE // PATCH) ** 2,
        vision_feature_layer=-1,
    )
    _save(transformers.LlavaForConditionalGeneration(config), folder)
    size = {"height": LLAVA_SIDE, "width": LLAVA_SIDE}
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": LLAVA_SIDE}, crop_size=size)
    transformers.LlavaProcessor(
        images,
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    ).save_pretrained(folder)
    return folder


def save_qwen(folder: Path, seed: int = 0) -> Path:
    """A Qwen2.5-VL: 28 px merged patches, 3 layers, 4 heads that share 2 keys, 3 rotary axes."""
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>")
    torch.manual_seed(seed)
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
    config = transformers.Qwen2_5_VLConfig(
        text_config=_decoder(len(tokenizer), num_key_value_heads=2, rope_parameters=rope),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "patch_size": PATCH,
            "fullatt_block_indexes": [1],
            "window_size": 56,
        },
        **_qwen_ids(tokenizer),
    )
    _save(transformers.Qwen2_5_VLForConditionalGeneration(config), folder)
    return _save_qwen_processor(folder, tokenizer, "Qwen2_5_VLProcessor")


def save_deepstack(folder: Path, seed: int = 0) -> Path:
    """A Qwen3-VL, which adds visual features after its first two layers, with heads wider than hidden / heads."""
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>")
    torch.manual_seed(seed)
    rope = {"rope_type": "default", "mrope_section": [4, 3, 3], "rope_theta": 10_000.0, "mrope_interleaved": True}
    config = transformers.Qwen3VLConfig(
        text_config=_decoder(len(tokenizer), num_key_value_heads=2, head_dim=20, rope_parameters=rope),
        vision_config={
            "depth": 3,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "patch_size": PATCH,
            "deepstack_visual_indexes": [0, 1],
            "num_position_embeddings": 64,
        },
        **_qwen_ids(tokenizer),
    )
    _save(transformers.Qwen3VLForConditionalGeneration(config), folder)
    return _save_qwen_processor(folder, tokenizer, "Qwen3VLProcessor")


def _qwen_ids(tokenizer: transformers.PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }


def _save_qwen_processor(
    folder: Path, tokenizer: transformers.PreTrainedTokenizerFast, name: str, images: Any = None
) -> Path:
    """As on the hub: the parts beside each other, and a processor class that also wants a video processor."""
    sides = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 24}
    images = images or transformers.Qwen2VLImageProcessorPil(patch_size=PATCH, merge_size=2, size=sides)
    images.save_pretrained(folder)
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "processor_class": name}))
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(QWEN_TEMPLATE)
    return folder


def save_wide(folder: Path, seed: int = 1) -> Path:
    """A Qwen2-VL as wide open as large models are, and narrow: 32 layers of 32 heads, and an image token for every
    8 px of the picture, up to 4,096 of them (192 x 192 px are 576, 464 x 384 are 2,784)."""
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>")
    torch.manual_seed(seed)
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10_000.0}
    large = {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "hidden_size": 256}
    config = transformers.Qwen2VLConfig(
        text_config={**_decoder(len(tokenizer), rope_parameters=rope), **large, "max_position_embeddings": 4608},
        vision_config={
            "depth": 1,
            "embed_dim": 16,
            "hidden_size": 256,
            "num_heads": 1,
            "mlp_ratio": 2,
            "patch_size": WIDE_PATCH,
            "spatial_merge_size": 1,
        },
        **_qwen_ids(tokenizer),
    )
    _save(transformers.Qwen2VLForConditionalGeneration(config), folder)
    sides = {"shortest_edge": 576 * WIDE_PATCH**2, "longest_edge": 4096 * WIDE_PATCH**2}
    images = transformers.Qwen2VLImageProcessorPil(patch_size=WIDE_PATCH, merge_size=1, size=sides)
    return _save_qwen_processor(folder, tokenizer, "Qwen2VLProcessor", images)


def load(folder: Path) -> TransformersModel:
    """A model of this zoo, in float32 on the CPU."""
    model = load_model(ModelSpec(str(folder), dtype="float32", device="cpu"))
    assert isinstance(model, TransformersModel)
    return model


def of_family(model: TransformersModel, family: Family) -> TransformersModel:
    """The same network, with the declarations of another family."""
    return TransformersModel(model.network, model.processor, family, model.card)
