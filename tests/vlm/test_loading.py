"""What is asked of loading, whatever carries it out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.errors import ModelUnavailable
from core.vlm.loading import EMBEDDED, ModelSpec, estimate_suggested, load_model, on_this_machine, suggested_models


def test_a_device_that_is_not_there_is_named(llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device, word in (("cuda", "GPU"), ("toaster", "toaster")):
        with pytest.raises(ModelUnavailable, match=word):
            load_model(ModelSpec(str(llava_folder), device=device))


def test_models_that_a_laptop_can_run_are_suggested_first() -> None:
    first, *others, last = suggested_models()
    assert first.source == "HuggingFaceTB/SmolVLM-256M-Instruct" and last.source == EMBEDDED.source
    sources = [model.source for model in others]
    assert sources.index("Qwen/Qwen3-VL-2B-Instruct") < sources.index("llava-hf/llava-1.5-7b-hf")
    assert all(source.count("/") == 1 for source in sources) and len(set(sources)) == len(sources)


def test_whether_a_suggested_model_fits_is_told_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vlm.memory.available_bytes", lambda _: 4_000_000_000)
    fits = {model.label: estimate_suggested(model).fits for model in suggested_models()}
    assert fits["SmolVLM 256M"] and fits["Street LLaVA (embedded)"] and not fits["LLaVA 1.5 7B"]


def test_the_embedded_model_is_on_every_machine() -> None:
    assert on_this_machine(EMBEDDED.source)
