"""What is asked of loading, whatever carries it out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.errors import ModelUnavailable
from core.vlm.loading import EMBEDDED, ModelSpec, load_model, on_this_machine, suggested_models


def test_a_device_that_is_not_there_is_named(llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device, word in (("cuda", "GPU"), ("toaster", "toaster")):
        with pytest.raises(ModelUnavailable, match=word):
            load_model(ModelSpec(str(llava_folder), device=device))


def test_the_embedded_model_is_suggested_first() -> None:
    first, *others = suggested_models()
    assert first.source == EMBEDDED.source
    assert others and all("/" in model.source and model.parameters > 1 for model in others)


def test_the_embedded_model_is_on_every_machine() -> None:
    assert on_this_machine(EMBEDDED.source)
