"""Recipes of networks that do something in a way of their own."""

from __future__ import annotations

from typing import Any

import transformers

from core.zoo.recipe import Recipe, text, tower
from core.zoo.tokenizer import build_tokenizer
from core.zoo.types.squares import CROP, LLAVA

SIDE = 32


def chameleon() -> Recipe:
    """A network whose decoder has no configuration of its own, and which masks some of its logits in place."""
    tokenizer = build_tokenizer(image_token="<image>", boi_token="<racm3:break>", eoi_token="<eoss>")
    words = len(tokenizer)
    codes = {f"IMGIMG{letters}Z": words + number for number, letters in enumerate("ABCDEFGH")}
    config = transformers.ChameleonConfig(
        **{**text(tokenizer), "vocab_size": words + len(codes)},
        vq_config={
            "embed_dim": 8,
            "num_embeddings": len(codes),
            "latent_channels": 32,
            "resolution": SIDE,
            "base_channels": 32,
            "channel_multiplier": [1, 1, 1],
            "num_res_blocks": 1,
        },
        vocabulary_map={"<image>": tokenizer.image_token_id, **codes},
    )
    sides = {"height": SIDE, "width": SIDE}
    images = {"image_processor_type": "ChameleonImageProcessor", "size": {"shortest_edge": SIDE}, "crop_size": sides}
    return Recipe(config, "ChameleonProcessor", images, tokenizer, "<image>", {"image_seq_length": 64})


def llava_over(decoder: str, **more: Any) -> Recipe:
    """A LLaVA over a decoder of this type."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.LlavaConfig(
        text_config=text(tokenizer, model_type=decoder, tie_word_embeddings=False, **more),
        vision_config=tower(model_type="clip_vision_model"),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    return Recipe(config, "LlavaProcessor", CROP, tokenizer, "<image>", LLAVA)
