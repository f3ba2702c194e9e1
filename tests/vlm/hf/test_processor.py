"""Loading a processor: pictures are read in one way, whatever else is installed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from core.vlm.hf import processor as processors
from core.vlm.hf.network import TransformersModel


def test_pictures_are_read_with_pillow_where_transformers_would_take_torchvision(
    llava_folder: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Beside:
        """What AutoProcessor gives beside torchvision."""

        @staticmethod
        def from_pretrained(folder: Path, **settings: Any) -> Any:
            processor = transformers.AutoProcessor.from_pretrained(folder, **settings)
            processor.image_processor = SimpleNamespace(backend="torchvision")
            return processor

    monkeypatch.setattr(processors, "AutoProcessor", Beside)
    images = processors.load_processor(llava_folder).image_processor
    size = {"height": 56, "width": 56}
    pillow = transformers.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size=size)
    seen, expected = (read(picture, return_tensors="pt")["pixel_values"] for read in (images, pillow))
    assert torch.equal(seen, expected)


def test_a_loaded_model_reads_with_pillow(model: TransformersModel) -> None:
    assert model.processor.image_processor.backend == "pil"
