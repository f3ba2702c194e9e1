"""Tiny random models of families beyond those of `zoo.py`, saved to folders: prompts that see themselves both ways
(Gemma 3, PaliGemma), tiles (InternVL, SmolVLM), two grids (LLaVA-NeXT, LLaVA-OneVision), image tokens without a
place in the picture (Idefics 2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.zoo import build_tokenizer

SIDE = 56
SIZE = {"height": SIDE, "width": SIDE}
DECODER = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 14,
}
TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def save_qwen2_vl(folder: Path) -> Path:
    """A Qwen2-VL: a grid that follows the picture, and a tower without windows."""
    names = {"vision_start_token": "<|vision_start|>", "vision_end_token": "<|vision_end|>"}
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>", **names)
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
    config = transformers.Qwen2VLConfig(
        text_config=_text(tokenizer, model_type="qwen2_vl_text", rope_parameters=rope, head_dim=16),
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 64,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 14,
        },
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.vision_start_token_id,
        vision_end_token_id=tokenizer.vision_end_token_id,
    )
    sides = {"shortest_edge": SIDE * SIDE, "longest_edge": 28 * 28 * 24}
    images = transformers.Qwen2VLImageProcessorPil(patch_size=14, merge_size=2, size=sides)
    return _save(folder, config, "Qwen2VLProcessor", images, tokenizer, "<|vision_start|><|image_pad|><|vision_end|>")


def save_gemma3(folder: Path) -> Path:
    """A Gemma 3: the tokens of a picture see each other both ways, most layers through a sliding window."""
    names = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = build_tokenizer(**names)
    text = {"model_type": "gemma3_text", "head_dim": 16, "sliding_window": 16, "query_pre_attn_scalar": 16}
    config = transformers.Gemma3Config(
        text_config=_text(tokenizer, **{**text, "num_hidden_layers": 6}),
        vision_config={"model_type": "siglip_vision_model", **TOWER, "image_size": 2 * SIDE},
        image_token_index=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        mm_tokens_per_image=16,
    )
    images = transformers.Gemma3ImageProcessorPil(size={"height": 2 * SIDE, "width": 2 * SIDE})
    return _save(folder, config, "Gemma3Processor", images, tokenizer, "<start_of_image>", image_seq_length=16)


def save_paligemma(folder: Path) -> Path:
    """A PaliGemma: the whole prompt sees itself both ways, and its processor writes into it."""
    tokenizer = build_tokenizer(image_token="<image>")
    # Its processor adds this many tokens for places and outlines.
    vocabulary = len(tokenizer) + 1024 + 128
    config = transformers.PaliGemmaConfig(
        text_config=_text(tokenizer, model_type="gemma", head_dim=16, vocab_size=vocabulary),
        vision_config={"model_type": "siglip_vision_model", **TOWER, "projection_dim": 64},
        image_token_index=tokenizer.image_token_id,
        projection_dim=64,
        hidden_size=64,
        vocab_size=vocabulary,
    )
    images = transformers.SiglipImageProcessorPil(size=SIZE)
    images.image_seq_length = 16
    return _save(folder, config, "PaliGemmaProcessor", images, tokenizer, "<image>")


def save_idefics2(folder: Path) -> Path:
    """An Idefics 2: a resampler makes eight tokens of any picture."""
    tokenizer = build_tokenizer(image_token="<image>", image_boundary_token="<fake_token_around_image>")
    config = transformers.Idefics2Config(
        text_config=_text(tokenizer, model_type="mistral", sliding_window=None),
        vision_config={**TOWER, "image_size": 2 * SIDE},
        perceiver_config={
            "hidden_size": 64,
            "resampler_n_latents": 8,
            "resampler_depth": 2,
            "resampler_n_heads": 2,
            "resampler_head_dim": 16,
            "num_key_value_heads": 1,
        },
        image_token_id=tokenizer.image_token_id,
    )
    size = {"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    images = transformers.Idefics2ImageProcessorPil(size=size, do_image_splitting=False)
    return _save(folder, config, "Idefics2Processor", images, tokenizer, "<image>", image_seq_len=8)


def save_internvl(folder: Path) -> Path:
    """An InternVL: up to six tiles of four tokens and a thumbnail."""
    names = {"context_image_token": "<IMG_CONTEXT>", "start_image_token": "<img>", "end_image_token": "</img>"}
    tokenizer = build_tokenizer(**names, video_token="<video>")
    config = transformers.InternVLConfig(
        text_config=_text(tokenizer, model_type="qwen2"),
        vision_config={**TOWER, "image_size": [SIDE, SIDE], "patch_size": [14, 14]},
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    images = transformers.GotOcr2ImageProcessorPil(size=SIZE, crop_to_patches=True, min_patches=1, max_patches=6)
    return _save(folder, config, "InternVLProcessor", images, tokenizer, "<IMG_CONTEXT>", image_seq_length=4)


def save_aya_vision(folder: Path) -> Path:
    """An Aya Vision: the tiles of an InternVL over a SigLIP."""
    names = {"img_patch_token": "<|IMG_PATCH|>", "start_of_img_token": "<|START_OF_IMG|>"}
    tokenizer = build_tokenizer(**names, end_of_img_token="<|END_OF_IMG|>")
    config = transformers.AyaVisionConfig(
        text_config=_text(tokenizer, model_type="cohere2", sliding_window=16),
        vision_config={"model_type": "siglip_vision_model", **TOWER, "vision_use_head": False},
        image_token_index=tokenizer.img_patch_token_id,
    )
    images = transformers.GotOcr2ImageProcessorPil(size=SIZE, crop_to_patches=True, min_patches=1, max_patches=6)
    settings = {"patch_size": 14, "img_size": SIDE, "downsample_factor": 2}
    return _save(folder, config, "AyaVisionProcessor", images, tokenizer, "<image>", **settings)


def save_smolvlm(folder: Path) -> Path:
    """A SmolVLM: rows and columns of tiles with tags between them, and the whole picture last."""
    tags = {f"tag_{r}{c}": f"<row_{r}_col_{c}>" for r in range(1, 4) for c in range(1, 4)}
    names = {"fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>"}
    tokenizer = build_tokenizer(image_token="<image>", **names, **tags)
    config = transformers.SmolVLMConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config=TOWER,
        image_token_id=tokenizer.image_token_id,
        scale_factor=2,
    )
    images = transformers.SmolVLMImageProcessorPil(
        size={"longest_edge": 3 * SIDE}, max_image_size={"longest_edge": SIDE}
    )
    return _save(folder, config, "SmolVLMProcessor", images, tokenizer, "<image>", image_seq_len=4)


def save_llava_next(folder: Path) -> Path:
    """A LLaVA-NeXT: the whole picture in 4 x 4 tokens, and a second grid that follows its shape, with row ends."""
    tokenizer = build_tokenizer(image_token="<image>")
    grids = [[SIDE * rows, SIDE * columns] for rows, columns in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))]
    config = transformers.LlavaNextConfig(
        text_config=_text(tokenizer, model_type="mistral", sliding_window=None),
        vision_config={"model_type": "clip_vision_model", **TOWER},
        image_token_index=tokenizer.image_token_id,
        image_grid_pinpoints=grids,
        vision_feature_layer=-1,
    )
    images = transformers.LlavaNextImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size=SIZE, image_grid_pinpoints=grids
    )
    settings = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    return _save(folder, config, "LlavaNextProcessor", images, tokenizer, "<image>", **settings)


def save_vipllava(folder: Path) -> Path:
    """A ViP-LLaVA: its projector reads three layers of four beside each other."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.VipLlavaConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config={"model_type": "clip_vision_model", **TOWER, "num_hidden_layers": 4},
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=[-2, 1, 2],
        image_seq_length=16,
    )
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=SIZE)
    settings = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    return _save(folder, config, "LlavaProcessor", images, tokenizer, "<image>", **settings)


def save_llava_onevision(folder: Path, most: int = 4) -> Path:
    """A LLaVA-OneVision: as LLaVA-NeXT over a tower without a class token, where a grid of more than about `most`
    squares is shrunk."""
    tokenizer = build_tokenizer(image_token="<image>", video_token="<video>")
    grids = [[SIDE * rows, SIDE * columns] for rows, columns in ((1, 2), (2, 1), (2, 2))]
    config = transformers.LlavaOnevisionConfig(
        text_config=_text(tokenizer, model_type="qwen2"),
        vision_config={"model_type": "siglip_vision_model", **TOWER, "vision_use_head": False},
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
        image_grid_pinpoints=grids,
        vision_aspect_ratio=f"anyres_max_{most}",
    )
    images = transformers.LlavaOnevisionImageProcessorPil(size=SIZE, image_grid_pinpoints=grids)
    settings = {"vision_feature_select_strategy": "full", "vision_aspect_ratio": f"anyres_max_{most}"}
    return _save(
        folder, config, "LlavaOnevisionProcessor", images, tokenizer, "<image>", num_image_tokens=16, **settings
    )


def save_pixtral(folder: Path) -> Path:
    """A Pixtral, whose processor needs torchvision: a grid that follows the picture, with row ends of another kind."""
    tokenizer = _pixtral_tokenizer()
    config = transformers.LlavaConfig(
        text_config=_text(tokenizer, model_type="mistral", sliding_window=None, head_dim=16),
        vision_config={"model_type": "pixtral", **TOWER, "image_size": 2 * SIDE},
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return _save(folder, config, "PixtralProcessor", _pixtral_images(), tokenizer, "[IMG]", patch_size=14)


def save_mistral3(folder: Path) -> Path:
    """A Mistral 3: a Pixtral's tower, four of whose patches become one image token."""
    tokenizer = _pixtral_tokenizer()
    config = transformers.Mistral3Config(
        text_config=_text(tokenizer, model_type="mistral", sliding_window=None, head_dim=16),
        vision_config={"model_type": "pixtral", **TOWER, "image_size": 2 * SIDE},
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        spatial_merge_size=2,
    )
    settings = {"patch_size": 14, "spatial_merge_size": 2}
    return _save(folder, config, "PixtralProcessor", _pixtral_images(), tokenizer, "[IMG]", **settings)


def _pixtral_tokenizer() -> Any:
    return build_tokenizer(image_token="[IMG]", image_break_token="[IMG_BREAK]", image_end_token="[IMG_END]")


def _pixtral_images() -> Any:
    patch = {"height": 14, "width": 14}
    return transformers.PixtralImageProcessorPil(patch_size=patch, size={"longest_edge": 2 * SIDE})


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {**DECODER, "vocab_size": len(tokenizer), **more}


def _save(
    folder: Path, config: Any, processor: str, images: Any, tokenizer: Any, placeholder: str, **settings: Any
) -> Path:
    """As on the hub: weights, and the parts of the processor beside each other."""
    torch.manual_seed(0)
    network = transformers.AutoModelForImageTextToText.from_config(config)
    with torch.no_grad():
        for parameter in network.parameters():
            # Sharper attention and logits than freshly drawn weights give: differences would not show in flat ones.
            parameter.mul_(1.6 if parameter.ndim > 1 else 1.0)
            if parameter.ndim > 1 and not parameter.any():
                # Gemma 3's projector starts with zeros, through which no picture is seen.
                parameter.normal_(std=0.1)
    network.generation_config = transformers.GenerationConfig(pad_token_id=0, bos_token_id=1, eos_token_id=2)
    network.save_pretrained(folder)
    images.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    written = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**written, "processor_class": processor}))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": processor, **settings}))
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("<image>", placeholder))
    return folder
