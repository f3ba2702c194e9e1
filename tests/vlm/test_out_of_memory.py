"""Memory that runs out, or seems to: what is recognised, tried once more in smaller steps, and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Decoding, Question, Target
from core.errors import NotEnoughMemory
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.generation import ask
from core.vlm.hf.edited_run import NetworkDecoderPass
from core.vlm.hf.network import TransformersModel
from core.vlm.memory import IDLE, ControlGroup, available_bytes, give_back_idle, out_of_memory

HIDING = explainers()["occlusion_tokens"]


def too_much() -> RuntimeError:
    """What PyTorch says where the CPU has no such memory."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8)
    return caught.value


def test_memory_that_runs_out_is_told_from_other_errors() -> None:
    assert all(
        out_of_memory(error) for error in (too_much(), torch.OutOfMemoryError("CUDA out of memory"), MemoryError())
    )
    assert not any(out_of_memory(error) for error in (RuntimeError("shapes do not match"), ValueError("out of range")))


def test_work_that_runs_out_of_memory_is_done_once_more_in_smaller_batches(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(llava, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=2)))
    (right,) = explain(HIDING, llava, answer, [Target((1,))])
    sizes: list[int] = []
    from_layer = NetworkDecoderPass._from_layer

    def failing_once(own: NetworkDecoderPass, layer: int, position: int, edits: Any, *more: Any) -> torch.Tensor:
        sizes.append(len(edits))
        if len(sizes) == 1:
            raise too_much()
        return from_layer(own, layer, position, edits, *more)

    monkeypatch.setattr(NetworkDecoderPass, "_from_layer", failing_once)
    (again,) = explain(HIDING, llava, answer, [Target((1,))])
    assert sizes[0] > 16 >= max(sizes[1:])
    torch.testing.assert_close(again.scores, right.scores)


def test_memory_that_runs_out_twice_is_told_in_a_sentence(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(llava, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=2)))

    def failing(*_: object) -> torch.Tensor:
        raise too_much()

    monkeypatch.setattr(NetworkDecoderPass, "_from_layer", failing)
    with pytest.raises(NotEnoughMemory, match="once more in smaller steps"):
        explain(HIDING, llava, answer, [Target((1,))])


def test_files_that_were_read_count_as_free_memory_of_a_container(tmp_path: Path) -> None:
    group = ControlGroup(tmp_path / "max", tmp_path / "current", tmp_path / "stat", "inactive_file")
    assert group.available() is None
    for file, text in ((group.limit, "1000"), (group.used, "900\n"), (group.kinds, "anon 500\ninactive_file 300\n")):
        file.write_text(text, encoding="ascii")
    assert group.available() == 400
    group.limit.write_text("max", encoding="ascii")
    assert group.available() is None


def test_what_pytorch_keeps_of_a_card_and_does_not_use_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10, 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    assert available_bytes(torch.device("cuda:0")) == 40


@pytest.mark.parametrize(("idle", "given_back"), [(IDLE, 0), (IDLE + 1, 1)])
def test_what_pytorch_keeps_of_a_card_after_large_work_is_given_back(
    monkeypatch: pytest.MonkeyPatch, idle: int, given_back: int
) -> None:
    emptied: list[int] = []
    for name, value in (("is_initialized", True), ("device_count", 1)):
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 20 + idle)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(1))
    give_back_idle()
    assert len(emptied) == given_back
