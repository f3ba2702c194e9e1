"""The embedded model's shape: a real LLaVA, small enough to ship and large enough to look into.

168 px pictures in 14 px patches give 12 x 12 image tokens; the decoder has 6 layers of 6 heads.
"""

from __future__ import annotations

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from .scene import SIDE

PATCH = 14
GRID = SIDE // PATCH
IMAGE_TOKENS = GRID * GRID
VISION_WIDTH = 128
TEXT_WIDTH = 192


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> LlavaForConditionalGeneration:
    """The untrained model with weights drawn from `seed`."""
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=VISION_WIDTH,
            intermediate_size=3 * VISION_WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=SIDE,
            patch_size=PATCH,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=6,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=2048,
            # The usual 0.02 is meant for widths of thousands; here it leaves attention flat for long.
            initializer_range=0.06,
            # Sequences are a few hundred tokens: shorter wavelengths give more dimensions to near neighbours.
            rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )
    model = LlavaForConditionalGeneration(config)
    _start_local(model)
    return model


@torch.no_grad()
def _start_local(model: LlavaForConditionalGeneration) -> None:
    """Begin with heads that look at near and at like tokens, as trained ones do.

    Keys start equal to queries (mimetic initialisation: Trockman and Kolter 2023, section 3), and embeddings
    share a direction, without which rotary attention has nothing constant to be positional about. Looking a
    fact up by its subject needs both, and otherwise takes many times the text to emerge.
    """
    embedding = model.get_input_embeddings().weight
    embedding += embedding.std() * torch.randn(embedding.shape[1])
    for layer in model.model.language_model.layers:
        layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """The processor that belongs to the model: resize, centre crop, scale to [-1, 1], expand `<image>`."""
    image_processor = CLIPImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=tokenizer.chat_template,
    )
