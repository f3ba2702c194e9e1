"""On the embedded model a map of the right thing must win, and its opposite lose."""

from __future__ import annotations

import numpy as np
import pytest

from core.answer import Answer, Explanation, Question, Target
from core.comparison.keyword import key_tokens
from core.evidence.evaluate import evaluate
from core.evidence.result import Evidence
from core.evidence.settings import EvidenceSettings
from core.masking import patch_coverage
from core.street.draw import draw
from core.street.questions import color_question, color_sentence
from core.street.scene import sample
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel
from tests.evidence.helpers import map_of

SEEDS = (2_000_000_000, 2_000_000_003)


@pytest.fixture(scope="module")
def street() -> VisionLanguageModel:
    return load_model(EMBEDDED)


def truth_and_opposite(answer: Answer, truth: np.ndarray) -> list[Explanation]:
    covered = patch_coverage(truth, answer.layout)
    target = Target(key_tokens(answer))
    opposite = {position: 1 - share for position, share in covered.items()}
    return [map_of(answer, target, covered), map_of(answer, target, opposite)]


@pytest.fixture(scope="module")
def evidence(street: VisionLanguageModel) -> list[list[Evidence]]:
    """Of every scene: the ground truth as a map, and the same turned over."""
    pairs = []
    for seed in SEEDS:
        scene = sample(seed)
        item = next(item for item in scene.items if dict(item.colors) and scene.count(item.kind) == 1)
        part, color = item.colors[0]
        drawing = draw(scene)
        question = color_question(item.kind, part, "What color {is} the {thing}?")
        answer = ask(street, Question(question, (drawing.image,)))
        assert answer.text == color_sentence(item.kind, part, color)
        truth = drawing.mask(item.kind, part)
        settings = EvidenceSettings(fill="black", steps=2, draws=1, deciding=0)
        pairs.append(evaluate(street, answer, truth_and_opposite(answer, truth), truth=truth, settings=settings))
    return pairs


@pytest.mark.parametrize("metric", ["deletion", "insertion", "comprehensiveness", "sufficiency", "energy", "soft_iou"])
def test_the_ground_truth_beats_random_and_its_opposite_loses(evidence: list[list[Evidence]], metric: str) -> None:
    sign = -1 if metric in ("deletion", "sufficiency") else 1
    perfect, opposite, chance = (
        np.mean([sign * evidence for evidence in row])
        for row in (
            [pair[0].tested.figures[metric].value for pair in evidence],
            [pair[1].tested.figures[metric].value for pair in evidence],
            [pair[0].chance(metric) for pair in evidence],
        )
    )
    assert perfect > chance + 0.05
    assert opposite < chance
