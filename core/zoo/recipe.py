"""A tiny model as a recipe: what is saved of it to a folder, as a hub model would lie there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForImageTextToText, GenerationConfig

from ..writing import write_whole
from .tokenizer import BOS, EOS, PAD

SIDE = 56
"""The side in pixels of what a tiny tower looks at: 4 x 4 patches of 14."""

SIZE = {"height": SIDE, "width": SIDE}
LATENT = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
"""Keys and values from a narrow latent, and experts."""

ENDS = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'video' %}<video>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


@dataclass(frozen=True)
class Recipe:
    """What a tiny model is made of.

    `config` is that of `transformers`; `processor` names the processor's class and `images` are the settings of its
    image processor, `image_processor_type` among them: classes are looked up where the folder is loaded, so saving
    needs no package that loading would need. `placeholder` stands for an image in the chat template,
    `video_placeholder` for a video. `settings` are the processor's own, `videos` those of its video processor where it
    has a file of its own, `template` is false for those whose hub checkpoints have none, and `tokenizers` are further
    ones by their folders. `needs` are packages beyond Sightline's own without which it cannot be loaded;
    `network_class` names the network's class where it is not the one to which its type is mapped; `convolves` says that
    tokens know of their neighbours whatever attention does.
    """

    config: Any
    processor: str
    images: Mapping[str, Any]
    tokenizer: Any
    placeholder: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    videos: Mapping[str, Any] = field(default_factory=dict)
    template: bool = True
    tokenizers: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    video_placeholder: str = ""
    network_class: str | None = None
    convolves: bool = False

    def save(self, folder: Path, seed: int = 0) -> Path:
        """Weights, and the parts of the processor beside each other. The same seed gives the same weights."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        if self.network_class is None:
            network = AutoModelForImageTextToText.from_config(self.config)
        else:
            network = getattr(transformers, self.network_class)(self.config)
        sharpen(network)
        network.generation_config = GenerationConfig(**ENDS)
        network.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        named = {"processor_class": self.processor}
        write_whole(folder / "preprocessor_config.json", json.dumps({**self.images, **named}).encode())
        write_whole(folder / "processor_config.json", json.dumps({**named, **self.settings}).encode())
        if self.videos:
            write_whole(folder / "video_preprocessor_config.json", json.dumps({**self.videos, **named}).encode())
        for name, tokenizer in self.tokenizers.items():
            tokenizer.save_pretrained(folder / name)
        if self.template:
            template = TEMPLATE.replace("<video>", self.video_placeholder).replace("<image>", self.placeholder)
            write_whole(folder / "chat_template.jinja", template.encode())
        return folder


def sharpen(network: Any) -> None:
    """Give a freshly drawn network sharper attention and logits: differences would not show in flat ones."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.mul_(1.6 if parameter.ndim > 1 else 1.0)
            if name.endswith("_gate") and not parameter.any():
                # The cross-attention of Llama 3.2 Vision starts closed, likewise.
                parameter.fill_(0.7)
            if parameter.ndim > 1 and not parameter.any():
                # Gemma 3's projector starts with zeros, through which no picture is seen.
                parameter.normal_(std=0.1)
        head = network.get_output_embeddings()
        if head is not None and hasattr(head, "weight"):
            # Random answers would otherwise often end at once.
            head.weight[EOS] = 0


def text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """The settings of a tiny decoder: three layers, four heads that share two keys."""
    return {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "vocab_size": len(tokenizer),
        **ENDS,
        **more,
    }


def tower(**more: Any) -> dict[str, Any]:
    """The settings of a tiny tower: two layers, two heads, 4 x 4 patches."""
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 14,
        **more,
    }
