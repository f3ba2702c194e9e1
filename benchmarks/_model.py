"""The random model that benchmarks of large sequences share: a LLaMA decoder (16 layers, 8 heads, width 512) after a
vision tower too small to count, as a LLaVA, with a grid of image tokens as large as the sequence leaves room for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import transformers
from PIL import Image

from core.answer import Answer, Decoding, Question
from core.vlm.generation import ask
from core.vlm.hf.capture import NAME, TOWER
from core.vlm.hf.families.registry import family_of
from core.vlm.hf.network import TransformersModel
from core.vlm.model import ModelCard
from tests.zoo import LLAVA_TEMPLATE, build_tokenizer

TARGETS = 12
"""Tokens of an answer."""

GRID = {620: 24, 2048: 44}
PATCH = 4


@dataclass(frozen=True)
class Width:
    """How deep and wide a decoder is."""

    layers: int = 16
    heads: int = 8
    hidden: int = 512
    inner: int = 1408
    words: int = 8000


LLAVA = Width(layers=2, heads=32, hidden=4096, inner=11008, words=32000)
"""As wide as LLaVA-1.5 with 7 billion weights, of whose layers two stand here."""


def build(tokens: int, width: Width = Width()) -> TransformersModel:
    """The random LLaVA, its grid of image tokens as large as `tokens` leaves room for."""
    side = GRID.get(tokens) or int((tokens - 40) ** 0.5)
    tokenizer = build_tokenizer(image_token="<image>")
    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        text_config={
            "model_type": "llama",
            "vocab_size": width.words,
            "hidden_size": width.hidden,
            "intermediate_size": width.inner,
            "num_hidden_layers": width.layers,
            "num_attention_heads": width.heads,
            "num_key_value_heads": width.heads,
            "max_position_embeddings": 4096,
        },
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": side * PATCH,
            "patch_size": PATCH,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=side**2,
        vision_feature_layer=-1,
        attn_implementation={"": "sdpa", "text_config": NAME, "vision_config": TOWER},
    )
    network = transformers.LlavaForConditionalGeneration(config)
    size = {"height": side * PATCH, "width": side * PATCH}
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": side * PATCH}, crop_size=size)
    processor = transformers.LlavaProcessor(
        images,
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    )
    text, family = config.text_config, family_of(config)
    card = ModelCard(
        name="random LLaVA",
        source="",
        family=family.key,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        dtype="float32",
        device="cpu",
        layers=text.num_hidden_layers,
        heads=text.num_attention_heads,
        key_value_heads=text.num_key_value_heads,
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
        image_grid=f"{side} x {side}",
        fingerprint="random",
    )
    model = TransformersModel(network, processor, family, card)
    # Nothing ends the answer early.
    model.end_ids = frozenset()
    return model


def asked(model: TransformersModel, tokens: int) -> Answer:
    """An answer whose replay reads exactly `tokens` positions."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))

    def question(letters: int) -> Question:
        return Question("x" * letters, (image,), decoding=Decoding(max_new_tokens=TARGETS))

    short = len(model.prepare(question(1)).ids)
    return ask(model, question(tokens - (TARGETS - 1) - short + 1), keep_attention=False)
