"""Images whose tokens have no place of their own in them, and those that enter by other ways than as tokens."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import ENDS, SIDE, SIZE, Recipe, text, tower
from ..tokenizer import build_tokenizer


def idefics2() -> Recipe:
    """A resampler makes eight tokens of any picture."""
    tokenizer = build_tokenizer(
        image_token="<image>",
        image_boundary_token="<fake_token_around_image>",
        end_of_utterance_token="<end_of_utterance>",
    )
    config = transformers.Idefics2Config(
        text_config=text(tokenizer, model_type="mistral", sliding_window=None),
        vision_config=tower(image_size=2 * SIDE),
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
    images = {
        "image_processor_type": "Idefics2ImageProcessor",
        "size": {"shortest_edge": SIDE, "longest_edge": 2 * SIDE},
        "do_image_splitting": False,
    }
    return Recipe(config, "Idefics2Processor", images, tokenizer, "<image>", {"image_seq_len": 8})


def _qformer() -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "encoder_hidden_size": 32,
        "cross_attention_frequency": 1,
        "vocab_size": 400,
    }


def blip_2() -> Recipe:
    """Eight queries ask a tower, before an OPT."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.Blip2Config(
        text_config={
            "model_type": "opt",
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "ffn_dim": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "max_position_embeddings": 512,
            "word_embed_proj_dim": 64,
            **ENDS,
        },
        vision_config=tower(),
        qformer_config=_qformer(),
        num_query_tokens=8,
        image_token_index=tokenizer.image_token_id,
    )
    images = {"image_processor_type": "BlipImageProcessor", "size": SIZE}
    return Recipe(config, "Blip2Processor", images, tokenizer, "<image>", {"num_query_tokens": 8}, template=False)


def instructblip() -> Recipe:
    """Eight queries, which read the question too, before a Llama."""
    tokenizer = build_tokenizer()
    config = transformers.InstructBlipConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=tower(),
        qformer_config=_qformer(),
        num_query_tokens=8,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return Recipe(
        config,
        "InstructBlipProcessor",
        {"image_processor_type": "BlipImageProcessor", "size": SIZE},
        tokenizer,
        "<image>",
        {"num_query_tokens": 8},
        template=False,
        tokenizers={"qformer_tokenizer": build_tokenizer()},
    )


def mllama() -> Recipe:
    """Llama 3.2 Vision: some layers look at the tower's output across."""
    tokenizer = build_tokenizer(image_token="<|image|>")
    config = transformers.MllamaConfig(
        text_config=text(
            tokenizer,
            model_type="mllama_text_model",
            num_hidden_layers=4,
            cross_attention_layers=[1, 3],
            # It has eight embeddings more than tokens, the image's among them.
            vocab_size=len(tokenizer) - 1,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        ),
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 2,
            "intermediate_size": 64,
            "vision_output_dim": 64,
            "image_size": SIDE,
            "patch_size": 14,
            "max_num_tiles": 4,
            "intermediate_layers_indices": [0],
            "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
        },
        image_token_index=tokenizer.image_token_id,
    )
    images = {"image_processor_type": "MllamaImageProcessor", "size": SIZE, "max_image_tiles": 4}
    return Recipe(config, "MllamaProcessor", images, tokenizer, "<|image|>")


def florence2() -> Recipe:
    """An encoder reads picture and words, a decoder answers."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.Florence2Config(
        text_config={
            "model_type": "bart",
            "vocab_size": len(tokenizer),
            "d_model": 64,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": 512,
            "decoder_start_token_id": 2,
            **ENDS,
        },
        vision_config={
            "depths": [1, 1],
            "patch_size": [7, 3],
            "patch_stride": [4, 2],
            "patch_padding": [3, 1],
            "patch_prenorm": [False, True],
            "embed_dim": [16, 32],
            "num_heads": [2, 2],
            "num_groups": [2, 2],
            "window_size": 4,
            "projection_dim": 64,
            "drop_path_rate": 0.0,
        },
        image_token_id=tokenizer.image_token_id,
    )
    size = {"height": 64, "width": 64}
    images = {"image_processor_type": "CLIPImageProcessor", "size": size, "do_center_crop": False}
    return Recipe(config, "Florence2Processor", images, tokenizer, "", template=False)


def fuyu() -> Recipe:
    """Patches of the picture are read by the decoder itself."""
    names = ("|NEWLINE|", "<0x00>", "<0x01>", "<0x02>", "<0x03>", "<0x04>")
    tokenizer = build_tokenizer(image_token="|SPEAKER|", **{f"more_{i}": name for i, name in enumerate(names)})
    config = transformers.FuyuConfig(
        text_config=text(tokenizer, model_type="persimmon", partial_rotary_factor=0.5),
        image_token_id=tokenizer.image_token_id,
        patch_size=14,
        image_size=SIDE,
    )
    images = {
        "image_processor_type": "FuyuImageProcessor",
        "size": {"height": 2 * SIDE, "width": 2 * SIDE},
        "patch_size": {"height": 14, "width": 14},
    }
    return Recipe(config, "FuyuProcessor", images, tokenizer, "", template=False)
