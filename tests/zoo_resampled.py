"""Tiny random models whose image tokens have no place in the picture, saved as on the hub: BLIP-2 and InstructBLIP come
without a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import processors

from core.zoo.recipe import ENDS, SIZE, sharpen, text, tower
from core.zoo.tokenizer import build_tokenizer


def _qformer(vocabulary: int) -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "encoder_hidden_size": 32,
        "cross_attention_frequency": 1,
        "vocab_size": vocabulary,
    }


def _opening() -> Any:
    """A tokenizer that opens every text with its first token, as those of OPT and Llama do."""
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)]
    )
    return tokenizer


def _saved(folder: Path, network: Any, processor: Any) -> Path:
    sharpen(network)
    network.generation_config = transformers.GenerationConfig(**ENDS)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_blip_2(folder: Path) -> Path:
    """Eight queries ask a tower, before an OPT."""
    tokenizer = _opening()
    torch.manual_seed(0)
    decoder = {
        "model_type": "opt",
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "word_embed_proj_dim": 64,
        "ffn_dim": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        **ENDS,
    }
    config = transformers.Blip2Config(
        text_config=decoder,
        vision_config=tower(),
        qformer_config=_qformer(len(tokenizer)),
        num_query_tokens=8,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.BlipImageProcessorPil(size=SIZE)
    processor = transformers.Blip2Processor(images, tokenizer, num_query_tokens=8)
    return _saved(folder, transformers.Blip2ForConditionalGeneration(config), processor)


def save_instructblip(folder: Path) -> Path:
    """Eight queries, which read the question too, before a Llama."""
    tokenizer = _opening()
    torch.manual_seed(0)
    config = transformers.InstructBlipConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=tower(),
        qformer_config=_qformer(len(tokenizer)),
        num_query_tokens=8,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.BlipImageProcessorPil(size=SIZE)
    processor = transformers.InstructBlipProcessor(images, tokenizer, build_tokenizer(), num_query_tokens=8)
    return _saved(folder, transformers.InstructBlipForConditionalGeneration(config), processor)
