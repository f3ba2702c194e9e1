"""A run with a result of every kind about one answer of the embedded model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.answer import Answer, Question, Target
from core.api.showing import street_scene
from core.runs.run import Run
from core.runs.store import RunStore
from core.runs.turns import Exchange, Source
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from tests.reports.made import Kept, made

TARGET = Target((3,))


@pytest.fixture(scope="session")
def street() -> TransformersModel:
    return load_model(EMBEDDED)


@pytest.fixture(scope="session")
def answer(street: TransformersModel) -> Answer:
    return ask(street, Question("What color is the house?", (street_scene(27),)), keep_attention=True)


@pytest.fixture(scope="session")
def results(street: TransformersModel, answer: Answer) -> list[Kept]:
    return made(street, answer, TARGET)


@pytest.fixture
def run(tmp_path: Path, street: TransformersModel, answer: Answer) -> Iterator[Run]:
    """One turn, of a drawn scene, with a target."""
    with RunStore(tmp_path / "data").create() as run_:
        turn = run_.add(
            Exchange(answer.question, answer, (Source("s.png", scene={"scene": "27"}),)), street.card, EMBEDDED
        )
        run_.set_target(turn.id, TARGET)
        yield run_
