"""Shapley values against enumeration: every coalition's worth from an eager pass under a mask that is written out."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pytest
from PIL import Image

from core.answer import Answer, Target, TokenKind
from core.explainers._players import words_of
from core.explainers.run import explain
from core.explainers.shapley import Shapley, ShapleySettings, players_of
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_logits_without, sampled

RIVAL = 40
FEW = ShapleySettings(segments=2, compactness=100.0, pairs=24)


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(model, "the dog?", picture, tokens=2)


def worths(model: TransformersModel, answer: Answer, target: Target) -> tuple[list[str], dict[frozenset[int], float]]:
    """log p of a token, less its rival's, by which players are seen."""
    players = players_of(answer, answer.layout, FEW)
    (index,), found = target.tokens, {}
    for size in range(len(players) + 1):
        for seen in combinations(range(len(players)), size):
            hidden = [p for number, one in enumerate(players) if number not in seen for p in sorted(one.positions)]
            row = eager_logits_without(model, answer, hidden)[index].log_softmax(-1)
            rival = float(row[target.rivals[0]]) if target.rivals else 0.0
            found[frozenset(seen)] = float(row[answer.token_ids[index]]) - rival
    return [player.name for player in players], found


def exact(worth: dict[frozenset[int], float], players: int) -> list[float]:
    """The definition: each player's mean change over all coalitions of others, by the number of their orders."""
    values = []
    for player in range(players):
        total = 0.0
        for seen, value in worth.items():
            if player not in seen:
                orders = math.factorial(len(seen)) * math.factorial(players - len(seen) - 1) / math.factorial(players)
                total += orders * (worth[seen | {player}] - value)
        values.append(total)
    return values


@pytest.mark.parametrize("rivals", [None, (RIVAL,)])
def test_values_lie_within_their_errors_of_the_exact_ones_and_add_up(
    model: TransformersModel, answer: Answer, rivals: tuple[int, ...] | None
) -> None:
    target = Target((1,), rivals)
    names, worth = worths(model, answer, target)
    assert len(names) >= 3 and sum(name.startswith("“") for name in names) == 2
    (map_,) = explain(Shapley(), model, answer, [target], FEW)
    assert [part.name for part in map_.parts] == names
    for part, value in zip(map_.parts, exact(worth, len(names)), strict=True):
        assert part.error is not None
        assert part.score == pytest.approx(value, abs=4 * part.error + 1e-4)
        spread = map_.scores[list(part.positions)]
        assert spread.tolist() == pytest.approx([part.score / len(part.positions)] * len(spread), abs=1e-5)
    gain = worth[frozenset(range(len(names)))] - worth[frozenset()]
    assert sum(part.score for part in map_.parts) == pytest.approx(gain, abs=1e-3)
    assert float(map_.scores.sum()) == pytest.approx(gain, abs=1e-3)
    assert f"gains {gain:.2f} from nothing to everything seen" in (map_.remark or "")


def test_errors_are_those_of_a_mean_over_pairs(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    both, one, other = explain(Shapley(), llava, answer, [Target((0, 1)), Target((0,)), Target((1,))], FEW)
    for mean, first, second in zip(both.parts, one.parts, other.parts, strict=True):
        assert mean.score == pytest.approx((first.score + second.score) / 2, abs=1e-6)
        # (not independent: the same orders serve both)
        assert (mean.error or 0) <= ((first.error or 0) + (second.error or 0)) / 2 + 1e-9
    fewer = explain(Shapley(), llava, answer, [Target((1,))], replace(FEW, pairs=6))[0]
    halves = [(few.error or 0) / (part.error or 1) for few, part in zip(fewer.parts, other.parts, strict=True)]
    assert 1 < sum(halves) / len(halves) < 4


def test_a_stop_keeps_the_values_of_the_orders_so_far(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    cancel, told = CancelToken(), list[float]()

    def progress(done: float) -> None:
        told.append(done)
        if done > 0.2:
            cancel.cancel()

    (map_,) = explain(Shapley(), llava, answer, [Target((0,))], FEW, cancel=cancel, progress=progress)
    assert 0.2 < map_.complete < 0.3 and bool(map_.scores.isfinite().all())
    assert (map_.remark or "").startswith("5 pairs of orders, standard errors up to")


def test_without_places_the_picture_is_one_player_and_without_a_picture_words_play(
    llava: TransformersModel, picture: Image.Image
) -> None:
    seen = sampled(llava, "the dog?", picture, tokens=1)
    unplaced = replace(seen, layout=replace(seen.layout, views=()))
    players = players_of(unplaced, unplaced.layout, replace(FEW, words=False))
    assert [(one.name, len(one.positions)) for one in players] == [("the picture", 16)]
    words = sampled(llava, "the the dog?", tokens=1)
    found = players_of(words, words.layout, replace(FEW, words=False))
    assert [one.name for one in found] == [one.name for one in words_of(words)]
    (map_,) = explain(Shapley(), llava, words, [Target((0,))], FEW)
    assert float(map_.scores[list(words.layout.positions(TokenKind.TEXT))].abs().max()) > 0
