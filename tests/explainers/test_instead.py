"""Every refusal recommends what is not refused: over networks that show little of themselves, and questions without a
picture, each method that a refusal names is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from core.answer import Answer, Decoding, Question, Target
from core.errors import NotApplicable
from core.explainers.base import Explainer
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.instead import WAYS
from core.zoo.recipe import Recipe
from core.zoo.registry import recipes
from tests.unlike import chameleon, llava_over
from tests.zoo import load
from tests.zoo_hybrid import save_streams


def _saved(build: Callable[[], Recipe], folder: Path) -> Path:
    return build().save(folder)


MODELS: dict[str, tuple[Callable[[Path], Path], bool]] = {
    "states that are not read": (partial(_saved, chameleon), True),
    "attention that is not seen": (partial(_saved, partial(llava_over, "diffllama")), True),
    "several streams": (save_streams, True),
    "resampled": (partial(_saved, recipes()["idefics2"]), True),
    "patches across, and no picture": (partial(_saved, recipes()["mllama"]), False),
    "no picture": (partial(_saved, recipes()["llava"]), False),
}
"""What builds a network, and whether it is asked about a picture."""


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def asked(
    request: pytest.FixtureRequest, tmp_path: Path, picture: Image.Image
) -> tuple[TransformersModel, Answer, Target]:
    save, shown = request.param
    model = load(save(tmp_path / "tiny"))
    few = Decoding(max_new_tokens=2)
    answer = ask(model, Question("Where?", picture if shown else (), decoding=few))
    return model, answer, Target((len(answer.tokens) - 1,))


def _refusal(method: Explainer, model: TransformersModel, answer: Answer, target: Target) -> str:
    """With what a method is refused, "" where it is not. Of one that takes one thing after another away, the first is
    enough."""
    stop = CancelToken()

    def heard(done: float) -> None:
        if done and method.keeps_partial:
            stop.cancel()

    try:
        explain(method, model, answer, [target], cancel=stop, progress=heard)
    except NotApplicable as error:
        return str(error)
    return ""


def test_what_a_refusal_recommends_can_be_had(asked: tuple[TransformersModel, Answer, Target]) -> None:
    refusals = {key: _refusal(explainers()[key], *asked) for key in (*WAYS, "attention_times_tower")}
    (advice,) = {re.sub(".*[Cc]hoose|Ask about a picture", "", refusal) for refusal in refusals.values() if refusal}
    recommended = [way for way, name in WAYS.items() if name in advice]
    assert recommended and not any(refusals[way] for way in recommended)
