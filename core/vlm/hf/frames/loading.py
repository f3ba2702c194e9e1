"""The video processor of a model folder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from .pillow import with_pillow
from .qwen2 import Qwen2VLVideoProcessor

OWN = {"Qwen2VLVideoProcessor": Qwen2VLVideoProcessor}
"""Those whose rule is written here."""


def load_frames(folder: Path, where: str) -> Any:
    """The video processor that `where` names ("qwen3_vl.Qwen3VLVideoProcessor": a module of models, and the class of
    its video processing), with the settings of a folder; None where the folder has none."""
    module, name = where.split(".")
    processor: Any = OWN.get(name) or with_pillow(
        getattr(import_module(f"transformers.models.{module}.video_processing_{module}"), name)
    )
    try:
        return processor.from_pretrained(folder, local_files_only=True)
    except OSError:
        return None
