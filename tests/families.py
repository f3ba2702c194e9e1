"""The tiny models of `core.zoo` that several tests ask, as functions that save them to a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.zoo.registry import recipes
from core.zoo.types import squares

Save = Callable[[Path], Path]


def saver(name: str) -> Save:
    """What saves the tiny model of this name."""

    def save(folder: Path) -> Path:
        return recipes()[name]().save(folder)

    save.__name__ = f"save_{name}"
    return save


save_aya_vision = saver("aya_vision")
save_gemma3 = saver("gemma3")
save_idefics2 = saver("idefics2")
save_internvl = saver("internvl")
save_llava_next = saver("llava_next")
save_mistral3 = saver("mistral3")
save_paligemma = saver("paligemma")
save_pixtral = saver("llava pixtral")
save_qwen2_vl = saver("qwen2_vl")
save_smolvlm = saver("smolvlm")
save_vipllava = saver("vipllava")


def save_llava_onevision(folder: Path, most: int = 4) -> Path:
    """A LLaVA-OneVision whose grid is shrunk where it has more than about `most` squares."""
    return squares.llava_onevision(most).save(folder)
