"""LoRA adapters of tiny models, saved by peft as training would leave them."""

from __future__ import annotations

from pathlib import Path

import peft
import torch
from transformers import AutoModelForImageTextToText


def trained(base: Path, folder: Path) -> Path:
    """An adapter of a base model, with numbers as training would leave them."""
    torch.manual_seed(1)
    network = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    settings = peft.LoraConfig(
        r=4, lora_alpha=16, target_modules=["q_proj", "o_proj", "up_proj"], init_lora_weights=False
    )
    peft.get_peft_model(network, settings).save_pretrained(folder)
    return folder
