"""How long graphs and their tests take here: passes of the model, and the learning itself, which is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ..answer import Answer, TokenKind
from ..vlm.forecast import Forecast, forecast
from ..vlm.model import VisionLanguageModel
from ..vlm.pace import GRAPH, MASKED_HEADS
from ..vlm.pass_costs import Passes, over_images, share_after_images
from .discovery import CausalGraph
from .explanation_test import Masking, maskable

MASKED = 0.4
"""About the share of heads whose explanation holds some patches and not nearly all, where none of a model were looked
at yet: that of the embedded model, with the settings as published, at distance 1 to 3 (`sightline flips`). It counts as
much as `FIRST` heads of the model at hand."""

FIRST = 6.0

SIZES = 8
"""About how many sizes their sets have, each with random sets of its own."""


def masked_share(model: VisionLanguageModel) -> float:
    """The share of this model's heads whose explanation is masked, as far as heads were looked at here: from the first
    layer of a run on it is the model's own."""
    masked, heads = model.pace.counted(MASKED_HEADS)
    return (masked + FIRST * MASKED) / (heads + FIRST)


def graphs_expected(model: VisionLanguageModel, answer: Answer, wanted: Mapping[int, Sequence[int]]) -> Forecast:
    """Learning the graphs of these heads by layer: one pass, and each layer computed again."""
    told = forecast(model, answer, Passes(forward=1 + len(wanted) / model.card.layers))
    learning = model.pace.seconds(GRAPH, 1)
    if told.seconds is None or learning is None:
        return told
    return replace(told, seconds=told.seconds + learning * sum(map(len, wanted.values())))


def heads_expected(
    model: VisionLanguageModel, answer: Answer, wanted: Mapping[int, Sequence[int]], masking: Masking, randoms: int = 5
) -> Forecast:
    """Learning the graphs of these heads, and masking their explanations and as many of the most attended patches;
    random sets of a size are shared."""
    heads = sum(map(len, wanted.values()))
    masked = masked_share(model) * heads
    sets = 2 * masked + randoms * min(SIZES, masked)
    return graphs_expected(model, answer, wanted) + forecast(model, answer, _masked(answer, masking, sets))


def flips_expected(
    model: VisionLanguageModel,
    answer: Answer,
    wanted: Mapping[int, Sequence[int]],
    masking: Masking,
    radii: int,
    randoms: int = 5,
    single: int = 32,
) -> Forecast:
    """Learning the graphs of these heads, masking each one's explanation at so many distances with controls of its own,
    and at most so many `single` patches of each, of which heads name the same."""
    heads = sum(map(len, wanted.values()))
    alone = min(heads * single, len(answer.layout.positions(TokenKind.IMAGE)))
    sets = masked_share(model) * heads * radii * (2 + randoms) + alone
    return graphs_expected(model, answer, wanted) + forecast(model, answer, _masked(answer, masking, sets))


def explanation_expected(
    model: VisionLanguageModel,
    answer: Answer,
    graph: CausalGraph,
    radius: int,
    masking: Masking,
    cap: int,
    randoms: int = 5,
) -> Forecast:
    """The test of one explanation, at most: every part of it that may be masked, the whole and its controls."""
    parts = sum(1 for _ in islice(maskable(graph, radius), cap))
    return forecast(model, answer, _masked(answer, masking, min(cap, parts + 1 + randoms + 1)))


def _masked(answer: Answer, masking: Masking, sets: float) -> Passes:
    """Masking so many sets of image tokens: over the rows after the pictures, or over other pictures."""
    if masking.mode == "pixels":
        return over_images(1 + sets)
    return Passes(forward=(2 + sets) * share_after_images(answer))
