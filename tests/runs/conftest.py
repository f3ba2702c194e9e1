"""A run about one answer of the tiny LLaVA, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.answer import Answer, Decoding, Question
from core.runs.run import Run
from core.runs.store import RunStore
from core.runs.turns import Exchange, Source
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel


@pytest.fixture(scope="session")
def answer(llava: TransformersModel) -> Answer:
    """An answer with attention rows about a picture that was shrunk, under a mask."""
    image = Image.radial_gradient("L").convert("RGB").resize((120, 80))
    return ask(llava, Question("What is it?", (image,), decoding=Decoding(max_new_tokens=4)), keep_attention=True)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "data")


@pytest.fixture
def run(store: RunStore, answer: Answer, llava: TransformersModel) -> Iterator[Run]:
    """A run with one turn."""
    with store.create() as run_:
        run_.add(Exchange(answer.question, answer, (Source("scene.png"),)), llava.card)
        yield run_
