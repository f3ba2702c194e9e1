"""What perturbations say of themselves, and when two are the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import RegionMask
from core.perturb.perturbation import (
    HiddenPatches,
    HiddenPixels,
    HiddenTokens,
    NetworkEdits,
    OtherImages,
    Perturbation,
)
from core.perturb.words import layers_in_words
from core.vlm.edits import HeadAblation, Knockout, Site, StatePatch

QUARTER = np.indices((8, 8)).max(0) < 4
CUT = Knockout((3,), (0, 1), frozenset({1, 2}))
STATES = torch.zeros(2, 4)


@pytest.mark.parametrize(
    ("perturbation", "words"),
    [
        (HiddenPixels((RegionMask(QUARTER, "mean"),)), "25% of the picture hidden (mean colour)"),
        (
            HiddenPixels((RegionMask(QUARTER, "blur", 1), RegionMask(~QUARTER, "black"))),
            "25% of picture 2 hidden (blur), then 75% of picture 1 hidden (black)",
        ),
        (HiddenPixels(()), "no pixels hidden"),
        (HiddenPatches(frozenset({4}), "noise"), "1 patch masked (noise)"),
        (HiddenPatches(frozenset({4, 7}), "blur"), "2 patches masked (blur)"),
        (HiddenPatches(frozenset({4, 7}), "blur", shown=True), "all but 2 patches masked (blur)"),
        (HiddenPatches(frozenset(), shown=True), "everything masked (black)"),
        (OtherImages((Image.new("RGB", (2, 2)),)), "another picture"),
        (OtherImages((Image.new("RGB", (2, 2)),), "the house painted red"), "the house painted red"),
        (HiddenTokens(frozenset({4, 5})), "2 tokens hidden from everything after the pictures"),
        (NetworkEdits((CUT,)), "attention of 1 position to 2 positions cut in layers 1 to 2"),
        (NetworkEdits((Knockout((3,), (0,)),)), "attention of 1 position to 1 position cut in all layers"),
        (NetworkEdits((HeadAblation(((0, 1), (2, 3))),)), "heads 0.1, 2.3 (layer.head, from 0) replaced by nothing"),
        (
            NetworkEdits((StatePatch(Site.MLP, 3, (0, 1), STATES), HeadAblation(((0, 1),), STATES))),
            "the mlp of layer 3 replaced at 2 positions, heads 0.1 (layer.head, from 0) replaced by other outputs",
        ),
        (NetworkEdits((CUT,), "image cut from last"), "image cut from last"),
        (NetworkEdits(()), "nothing edited"),
    ],
)
def test_it_says_in_words_what_is_done(perturbation: Perturbation, words: str) -> None:
    assert perturbation.words == words


@pytest.mark.parametrize(
    ("layers", "words"),
    [(None, "all layers"), ({4}, "layer 4"), (range(2, 5), "layers 2 to 4"), ({0, 3}, "layers 0, 3")],
)
def test_layers_in_words(layers: set[int] | None, words: str) -> None:
    assert layers_in_words(layers) == words


@pytest.mark.parametrize(
    "perturbation",
    [
        HiddenPixels(()),
        HiddenPixels((RegionMask(np.zeros((8, 8), bool)),)),
        HiddenPatches(frozenset(), "mean"),
        HiddenTokens(frozenset()),
        NetworkEdits(()),
    ],
)
def test_what_takes_nothing_away_is_empty(perturbation: Perturbation) -> None:
    assert perturbation.empty


@pytest.mark.parametrize(
    "perturbation",
    [
        HiddenPixels((RegionMask(QUARTER),)),
        HiddenPatches(frozenset({1})),
        HiddenPatches(frozenset(), shown=True),
        OtherImages(()),
        HiddenTokens(frozenset({1})),
        NetworkEdits((CUT,)),
    ],
)
def test_what_takes_something_away_is_not(perturbation: Perturbation) -> None:
    assert not perturbation.empty


def test_those_that_say_the_same_are_the_same() -> None:
    def made() -> list[Perturbation]:
        return [
            HiddenPixels((RegionMask(QUARTER.copy(), "mean"),)),
            HiddenPatches(frozenset({1, 2}), "mean"),
            HiddenPatches(frozenset({1, 2}), "mean", shown=True),
            HiddenTokens(frozenset({1, 2})),
            NetworkEdits((Knockout((3,), (0, 1), frozenset({1, 2})),)),
        ]

    assert made() == made()
    assert len({*made(), *made()}) == len(made())
    assert all(perturbation.by_content for perturbation in made())


def test_those_that_hold_pictures_or_states_are_only_themselves() -> None:
    picture = Image.new("RGB", (2, 2))
    assert OtherImages((picture,)) != OtherImages((picture,))
    with_states = [NetworkEdits((StatePatch(Site.MLP, 1, (0, 1), STATES),)) for _ in range(2)]
    assert len(set(with_states)) == 2
    assert not any(perturbation.by_content for perturbation in (OtherImages((picture,)), *with_states))
