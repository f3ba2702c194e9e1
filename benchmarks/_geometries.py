"""Random models of the geometries that people use: as many layers, heads and positions as the real ones have, and a
narrow hidden size, so that what heads and positions cost is measured on a small machine. Each vocabulary is as many
times its hidden size as the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from PIL import Image

from core.answer import Answer, Decoding, Question
from core.vlm.generation import ask
from core.vlm.loading import ModelSpec, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.spec import DType
from core.zoo.recipe import Recipe
from core.zoo.tokenizer import build_tokenizer
from core.zoo.types._shared import PAD, THREE, qwen_ids, qwen_tokenizer

HEAD_SIZE = 8
"""Numbers of a head's state: 64 to 128 in the real models."""

TARGETS = 12
"""Tokens of an answer."""


@dataclass(frozen=True)
class Geometry:
    """A model's recipe, the width and height of the picture it is asked about, and how many positions the question
    and all but the last token of its answer take."""

    recipe: Callable[[], Recipe]
    picture: tuple[int, int]
    positions: int


def _decoder(
    layers: int, heads: int, key_value_heads: int, words: int, head_size: int = HEAD_SIZE, **more: Any
) -> dict[str, Any]:
    """A decoder's settings; `words` is its vocabulary's size as a multiple of its width."""
    hidden = heads * head_size
    return {
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": hidden * 11 // 4,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "max_position_embeddings": 4096,
        "vocab_size": words * hidden,
        **more,
    }


def _tower(layers: int, heads: int, **more: Any) -> dict[str, Any]:
    hidden = heads * HEAD_SIZE
    return {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "patch_size": 14,
        **more,
    }


def llava(layers: int = 32, head_size: int = HEAD_SIZE) -> Recipe:
    """LLaVA-1.5 7B: 24 x 24 image tokens."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.LlavaConfig(
        text_config=_decoder(layers, 32, 32, 8, head_size),
        vision_config=_tower(24, 16, model_type="clip_vision_model", image_size=336),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=576,
    )
    return Recipe(config, "LlavaProcessor", {**_CROP, "image_processor_type": _CLIP}, tokenizer, "<image>", _LLAVA)


def wide_llava() -> Recipe:
    """Two of LLaVA-1.5's layers at their real width, of 4,096: what a layer costs beside its attention."""
    return llava(layers=2, head_size=128)


def llava_next() -> Recipe:
    """LLaVA-NeXT 7B: the whole picture in 24 x 24 tokens, and up to four times as many that follow its shape."""
    tokenizer = build_tokenizer(image_token="<image>")
    grids = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
    config = transformers.LlavaNextConfig(
        text_config=_decoder(32, 32, 8, 8, model_type="mistral", sliding_window=None),
        vision_config=_tower(24, 16, model_type="clip_vision_model", image_size=336),
        image_token_index=tokenizer.image_token_id,
        image_grid_pinpoints=grids,
    )
    images = {**_CROP, "image_processor_type": "LlavaNextImageProcessor", "image_grid_pinpoints": grids}
    return Recipe(config, "LlavaNextProcessor", images, tokenizer, "<image>", _LLAVA)


def smolvlm() -> Recipe:
    """SmolVLM 2B: tiles of 9 x 9 tokens, and the whole picture."""
    tags = {f"tag_{r}{c}": f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5)}
    names = {"fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>"}
    tokenizer = build_tokenizer(image_token="<image>", end_of_utterance_token="<end_of_utterance>", **names, **tags)
    config = transformers.SmolVLMConfig(
        text_config=_decoder(24, 32, 32, 24),
        vision_config=_tower(27, 16, image_size=378),
        image_token_id=tokenizer.image_token_id,
        scale_factor=3,
    )
    images = {
        "image_processor_type": "SmolVLMImageProcessor",
        "size": {"longest_edge": 4 * 378},
        "max_image_size": {"longest_edge": 378},
    }
    return Recipe(config, "SmolVLMProcessor", images, tokenizer, "<image>", {"image_seq_len": 81})


def qwen2_5_vl() -> Recipe:
    """Qwen2.5-VL 7B: a token for every 28 x 28 pixels, and a tower most of whose layers look at windows."""
    tokenizer = qwen_tokenizer()
    hidden = 28 * HEAD_SIZE
    rope = {**THREE, "mrope_section": [1, 1, 2]}
    config = transformers.Qwen2_5_VLConfig(
        text_config=_decoder(28, 28, 4, 42, model_type="qwen2_5_vl_text", rope_parameters=rope),
        vision_config={
            "depth": 32,
            "hidden_size": 16 * HEAD_SIZE,
            "intermediate_size": 48 * HEAD_SIZE,
            "num_heads": 16,
            "out_hidden_size": hidden,
            "patch_size": 14,
            "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        **qwen_ids(tokenizer),
    )
    sides = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16384}
    images = {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "merge_size": 2, "size": sides}
    return Recipe(config, "Qwen2_5_VLProcessor", images, tokenizer, PAD)


_CLIP = "CLIPImageProcessor"
_CROP = {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
_LLAVA = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}

GEOMETRIES = {
    "llava": Geometry(llava, (640, 480), 666),
    "llava-wide": Geometry(wide_llava, (640, 480), 666),
    "smolvlm": Geometry(smolvlm, (1024, 768), 1216),
    "qwen": Geometry(qwen2_5_vl, (1344, 1008), 1854),
    "next": Geometry(llava_next, (672, 644), 2918),
}


def save(name: str, folder: Path, layers: int | None = None) -> Path:
    """The random model of a geometry, in a folder as a hub model would lie there; with fewer `layers`, of decoder and
    tower, where so many are wanted."""
    recipe = GEOMETRIES[name].recipe()
    if layers is not None:
        text, vision = recipe.config.get_text_config(), recipe.config.vision_config
        text.num_hidden_layers = layers
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[:layers]
        if hasattr(vision, "depth"):
            vision.depth, vision.fullatt_block_indexes = layers, [layers - 1]
        else:
            vision.num_hidden_layers = layers
    return recipe.save(folder / name)


def loaded(folder: Path, dtype: DType) -> VisionLanguageModel:
    """A saved model, whose answers nothing ends early."""
    model = load_model(ModelSpec(str(folder), dtype=dtype))
    model.end_ids = frozenset()
    return model


def asked(
    model: VisionLanguageModel,
    name: str,
    *,
    keep_attention: bool = False,
    tokens: int = TARGETS,
    picture: tuple[int, int] | None = None,
) -> Answer:
    """An answer whose replay reads exactly the geometry's positions; about another `picture` than the geometry's, words
    make up for its tokens."""
    geometry = GEOMETRIES[name]
    width, height = picture or geometry.picture
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    question = Question("x", Image.fromarray(pixels), decoding=Decoding(max_new_tokens=tokens))
    letters = geometry.positions - (tokens - 1) - len(model.prepare(question).ids) + 1
    return ask(model, replace(question, text="x" * letters), keep_attention=keep_attention)
