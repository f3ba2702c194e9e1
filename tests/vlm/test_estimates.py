"""What methods say they need is what they take: at most three times that, and at least two thirds.

A quick subset on one narrow model of a long question; `python -m benchmarks.estimates` holds every method to it at the
geometries of real models.
"""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from benchmarks.estimates import methods, taken, verdict
from core.answer import Answer, Decoding, Question
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.memory import peak_memory
from tests.zoo import load, save_llava

WIDE = {"hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8, "num_key_value_heads": 8}


@pytest.fixture(scope="module")
def long_answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[TransformersModel, Answer]:
    """An answer of twelve tokens after some 900 positions."""
    model = load(save_llava(tmp_path_factory.mktemp("wide"), **WIDE))
    question = Question("x" * 880, (Image.new("RGB", (56, 56)),), decoding=Decoding(max_new_tokens=12))
    model.end_ids = frozenset()
    with peak_memory(torch.device("cpu")) as peak:
        answer = ask(model, question)
    if peak() is None:
        pytest.skip("this system does not tell how much memory a process has had")
    return model, answer


@pytest.mark.parametrize(
    "method", ["input_gradient", "suffix_relevancy", "occlusion_tokens", "token_activation_map", "attention_knockout"]
)
def test_an_estimate_is_what_is_taken(method: str, long_answer: tuple[TransformersModel, Answer]) -> None:
    # Hiding hundreds of tokens is stopped once some batches of it have been read; what it took does not grow.
    said, had = taken(*long_answer, methods()[method], 2 if method == "occlusion_tokens" else 1000)
    assert said > 0 and verdict(said, had) == "", f"{method} said {said:,} and had {had:,}"
