"""Tiny random models whose decoder layers are not all alike, saved to folders: recurrences (Qwen3.5) and convolutions
(LFM2) between layers with attention, layers that read the keys and values of others (Gemma 4), and states of several
streams (Gemma 3n)."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from tests.zoo import PATCH, _decoder, _qwen_ids, _save, _save_qwen_processor, build_tokenizer, save_llava

LAYERS = ["linear_attention", "full_attention", "linear_attention", "linear_attention", "full_attention"]
"""Layers with attention in between and at the end: numbered in order of occurrence, they would be 0 and 1."""

WITH_ATTENTION = (1, 4)
RECURRENCE = {
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}


def save_qwen3_5(folder: Path, seed: int = 0) -> Path:
    """A Qwen3.5: gated recurrences in layers 0, 2 and 3, attention in layers 1 and 4, three rotary axes."""
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>")
    torch.manual_seed(seed)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10_000.0, "mrope_interleaved": True}
    text = _decoder(len(tokenizer), num_key_value_heads=2, head_dim=16, num_hidden_layers=len(LAYERS))
    config = transformers.Qwen3_5Config(
        text_config={
            **text,
            **RECURRENCE,
            "layer_types": LAYERS,
            "rope_parameters": {**rope, "partial_rotary_factor": 0.5},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "patch_size": PATCH,
            "num_position_embeddings": 64,
        },
        **_qwen_ids(tokenizer),
    )
    _save(transformers.Qwen3_5ForConditionalGeneration(config), folder)
    return _save_qwen_processor(folder, tokenizer, "Qwen3VLProcessor")


def save_convolutional(folder: Path, seed: int = 0) -> Path:
    """A LLaVA over LFM2: short convolutions in layers 0, 2 and 3, attention in layers 1 and 4."""
    kinds = ["full_attention" if kind == "full_attention" else "conv" for kind in LAYERS]
    more = {"num_key_value_heads": 2, "num_hidden_layers": len(kinds), "conv_L_cache": 3, "layer_types": kinds}
    return save_llava(folder, seed, model_type="lfm2", block_auto_adjust_ff_dim=False, **more)


def save_recurrent(folder: Path, seed: int = 0) -> Path:
    """A LLaVA over the decoder of Qwen3.5: recurrences in a family that keeps prompts' beginnings."""
    more = {"num_key_value_heads": 2, "num_hidden_layers": len(LAYERS), "head_dim": 16, "layer_types": LAYERS}
    return save_llava(folder, seed, model_type="qwen3_5_text", **more, **RECURRENCE)


SHARING = {
    "num_key_value_heads": 2,
    "num_hidden_layers": 4,
    "num_kv_shared_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "sliding_window": 12,
    "head_dim": 16,
}
"""Layers 2 and 3 read the keys and values of layers 0 and 1."""


def save_streams(folder: Path, seed: int = 0) -> Path:
    """A LLaVA over the decoder of Gemma 3n, between whose layers go four streams of states."""
    more = {"hidden_size_per_layer_input": 8, "laurel_rank": 8, "activation_sparsity_pattern": [0.5, 0.0, 0.0, 0.0]}
    return save_llava(folder, seed, model_type="gemma3n_text", **{**SHARING, **more})
