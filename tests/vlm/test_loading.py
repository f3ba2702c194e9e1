"""What is asked of loading, whatever carries it out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.errors import ModelUnavailable
from core.vlm.loading import (
    EMBEDDED,
    EMBEDDED_MODELS,
    TWIN,
    ModelSpec,
    estimate_suggested,
    load_model,
    on_this_machine,
    source_named,
    suggested_models,
)


def test_a_device_that_is_not_there_is_named(llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device, word in (("cuda", "GPU"), ("toaster", "toaster")):
        with pytest.raises(ModelUnavailable, match=word):
            load_model(ModelSpec(str(llava_folder), device=device))


def test_models_that_a_laptop_can_run_are_suggested_first() -> None:
    first, *others, embedded, twin = suggested_models()
    assert first.source == "HuggingFaceTB/SmolVLM-256M-Instruct"
    assert (embedded.source, twin.source) == (EMBEDDED.source, TWIN.source)
    sources = [model.source for model in others]
    assert sources.index("Qwen/Qwen3-VL-2B-Instruct") < sources.index("llava-hf/llava-1.5-7b-hf")
    assert all(source.count("/") == 1 for source in sources) and len(set(sources)) == len(sources)


def test_whether_a_suggested_model_fits_is_told_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vlm.memory.available_bytes", lambda _: 4_000_000_000)
    fits = {model.label: estimate_suggested(model).fits for model in suggested_models()}
    assert fits["SmolVLM 256M"] and fits["Street LLaVA (embedded)"] and not fits["LLaVA 1.5 7B"]


@pytest.mark.parametrize("spec", EMBEDDED_MODELS.values())
def test_the_embedded_models_are_on_every_machine(spec: ModelSpec) -> None:
    assert on_this_machine(spec.source)


def test_an_embedded_model_is_known_by_its_name_unless_a_folder_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert source_named("honest-twin") == TWIN.source and source_named("embedded") == EMBEDDED.source
    assert source_named("someone/else") == "someone/else"
    (tmp_path / "honest-twin").mkdir()
    assert source_named("honest-twin") == "honest-twin"
