"""Greedy search for regions against a literal search that masks and asks anew for every set."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, RegionMask, Target, TokenKind
from core.explainers._players import Player, regions_of
from core.explainers.greedy_regions import GreedyRegions, GreedyRegionsSettings
from core.explainers.run import explain
from core.masking import pixels_of
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score
from tests.eager import sampled

SEGMENTS, COMPACTNESS = 5, 10.0
EVERYTHING = GreedyRegionsSettings(segments=SEGMENTS, confidence=1.0, most=200, candidates=None, fill="black")


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    smooth = picture.resize((6, 4)).resize(picture.size)
    return sampled(model, "Where is the dog?", smooth, tokens=3)


def probability(model: TransformersModel, answer: Answer, hidden: np.ndarray, tokens: tuple[int, ...]) -> float:
    """The mean probability of some tokens under a mask."""
    question = answer.question.with_masks(RegionMask(hidden, "black")) if hidden.any() else answer.question
    logprobs = score(model, question, answer.token_ids).logprobs
    return float(np.mean([np.exp(logprobs[token]) for token in tokens]))


def literal_order(
    model: TransformersModel, answer: Answer, regions: list[Player], tokens: tuple[int, ...]
) -> tuple[list[int], list[float]]:
    """The regions in the order of F(S + r) = p(S + r alone) + 1 - p(without S + r), and F along it."""
    masks = [pixels_of(region.positions, answer.layout) for region in regions]
    chosen: list[int] = []
    objective: list[float] = []

    def value(numbers: list[int]) -> float:
        own = np.any([masks[number] for number in numbers], 0) if numbers else np.zeros_like(masks[0])
        return probability(model, answer, ~own, tokens) + 1 - probability(model, answer, own, tokens)

    objective.append(value([]))
    while len(chosen) < len(regions):
        rest = [number for number in range(len(regions)) if number not in chosen]
        values = [value([*chosen, number]) for number in rest]
        chosen.append(rest[int(np.argmax(values))])
        objective.append(max(values))
    return chosen, objective


@pytest.mark.parametrize("tokens", [(0,), (1, 2)])
def test_the_order_is_that_of_a_literal_search(
    model: TransformersModel, answer: Answer, tokens: tuple[int, ...]
) -> None:
    regions = regions_of(answer.question, answer.layout, SEGMENTS, COMPACTNESS)
    order, objective = literal_order(model, answer, regions, tokens)
    (map_,) = explain(GreedyRegions(), model, answer, [Target(tokens)], EVERYTHING)
    assert map_.complete == 1
    heights = [objective[1] - objective[0]]
    for before, after in pairwise(objective[1:]):
        heights.append(heights[-1] - abs(after - before))
    # The search ends at the first set that suffices and is needed; what it did not come to stands below.
    found = sum("found" in one.says or "Needed" in one.says for one in map_.sets)
    steps = len(order) if found < 2 else max(len(one.positions) for one in map_.sets)
    seen = [float(map_.scores[min(regions[number].positions)]) for number in order]
    if steps == len(order):
        expected = (np.array(heights) - heights[-1]) / (heights[0] - heights[-1])
        assert seen == pytest.approx(list(expected), abs=2e-3)
    assert seen[0] == 1.0
    if steps == len(order):
        assert seen == sorted(seen, reverse=True)
    assert min(seen) >= 0.0
    for region in regions:
        assert len({float(map_.scores[position]) for position in region.positions}) == 1
    assert float(map_.scores[list(answer.layout.positions(TokenKind.TEXT))].abs().max()) == 0


def test_what_suffices_and_what_is_needed_have_the_probabilities_that_are_told(
    model: TransformersModel, answer: Answer
) -> None:
    settings = replace(EVERYTHING, confidence=0.6)
    (map_,) = explain(GreedyRegions(), model, answer, [Target((0,))], settings)
    assert len(map_.sets) == 2 and all(one.says in (map_.remark or "") for one in map_.sets)
    for one, alone in zip(map_.sets, (True, False), strict=True):
        own = pixels_of(one.positions, answer.layout)
        told = float(re.findall(r"p (?:= |falls to |is still )([\d.]+\d)", one.says)[0])
        assert told == pytest.approx(probability(model, answer, ~own if alone else own, (0,)), abs=0.006)
        if one.positions:
            share = int(re.findall(r"(\d+) % of|(\d+)% of", one.says)[0][1])
            assert share == pytest.approx(100 * own.mean(), abs=0.51)


def test_regions_are_all_image_tokens_once(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Is it?", picture, picture.resize((60, 90)), tokens=1)
    regions = regions_of(answer.question, answer.layout, SEGMENTS, COMPACTNESS)
    positions = [position for region in regions for position in region.positions]
    assert sorted(positions) == sorted(position for view in answer.layout.views for position in view.positions)
    assert len({region.name for region in regions}) == len(regions)
    assert {region.name.split(",")[0] for region in regions} == {"picture 1", "picture 2"}


def test_fewer_candidates_read_fewer_pictures_and_a_stop_keeps_the_order_so_far(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.explainers.greedy_regions._Search._ended", False)
    answer = sampled(llava, "the dog?", picture, tokens=2)
    settings = replace(EVERYTHING, compactness=100.0, candidates=2)
    every, few = (GreedyRegions().passes(llava, answer, (), one).forward for one in (EVERYTHING, settings))
    assert few < every
    cancel, told = CancelToken(), list[float]()

    def progress(done: float) -> None:
        told.append(done)
        if done > 0:
            cancel.cancel()

    both = [Target((0,)), Target((1,))]
    first, second = explain(GreedyRegions(), llava, answer, both, settings, cancel=cancel, progress=progress)
    assert 0 < first.complete < 1 and float(first.scores.max()) == 1.0
    assert second.complete == 0 and bool(second.scores.isnan().all())


def test_a_word_that_needs_no_picture_is_told_so(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    monkeypatch.setattr("core.explainers.greedy_regions._probability", lambda prediction: 0.5)
    (map_,) = explain(GreedyRegions(), llava, answer, [Target((0,))], replace(EVERYTHING, most=2))
    assert (map_.remark or "").startswith("Nothing of the picture is needed to say this: p = 0.50 without any of it")
    assert "Not needed: p is still 0.50 without" in (map_.remark or "")


def test_what_the_search_did_not_come_to_stands_below_what_it_chose(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.explainers.greedy_regions._Search._ended", False)
    answer = sampled(llava, "the dog?", picture, tokens=1)
    settings = replace(EVERYTHING, segments=9, compactness=100.0, most=3)
    (map_,) = explain(GreedyRegions(), llava, answer, [Target((0,))], settings)
    regions = regions_of(answer.question, answer.layout, 9, 100.0)
    values = sorted((float(map_.scores[min(region.positions)]) for region in regions), reverse=True)
    assert len(values) > 4 and values[0] == 1.0 and len(set(values)) == len(values)
    chosen = set(map_.sets[0].positions)
    assert {min(one.positions) in chosen for one in regions if float(map_.scores[min(one.positions)]) >= values[2]} == {
        True
    }
