"""Which few regions of the picture are enough for a word, and which it cannot do without: searched for step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ..answer import Answer, Fill, PatchSet
from ..masking import fill_named, in_regions, unmasked
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import HiddenPatches
from ..perturb.prediction import Prediction
from ..settings import choice, number
from ..vlm.batch_size import images_at_once
from ..vlm.memory_costs import picture_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from ..vlm.targets import TokenTarget
from ._occlusion import OF_SQUARES
from ._players import Player, regions_of
from .base import Explainer, Step


@dataclass(frozen=True)
class GreedyRegionsSettings:
    """The regions, how far they are searched, and what stands in the place of hidden ones."""

    segments: int = number(40, "Regions", minimum=4, maximum=200, step=1, help="About so many, of similar colour.")
    compactness: float = number(
        10.0, "Compactness", minimum=0.1, maximum=100.0, help="Low: regions follow colours; high: they are squares."
    )
    confidence: float = number(
        0.9,
        "Stops at",
        minimum=0.5,
        maximum=1.0,
        step=0.05,
        help="Regions suffice when the word has this share of its probability with them alone, and are needed when no "
        "more than the rest of it is left without them.",
    )
    most: int = number(8, "Most steps", minimum=1, maximum=200, step=1, help="The search ends after so many regions.")
    candidates: int | None = number(
        6,
        "Tried at each step",
        minimum=1,
        maximum=200,
        step=1,
        without="all",
        help="After the first step only the regions with the largest gains so far are tried. All: as published.",
    )
    fill: str = choice("mean", "Replaced by", ("mean", "black", "blur", "noise", "inpaint"))


class GreedyRegions(Explainer):
    """EAGLE, Chen et al. 2025, "Where MLLMs attend and what they rely on: explaining autoregressive token generation":
    regions of the picture are put in order one by one, each time the one whose addition raises most the probability of
    the target with the chosen regions alone (the insight score) plus what its probability lacks without them (the
    necessity score). A region's score falls along the order by what each step gained.

    The search ends once the chosen regions suffice and are needed. Both sets are shown under their names.
    """

    key = "greedy_regions"
    name = "Greedy search for regions"
    caveat = "The first set that is found, not the smallest there is; pictures with most of them hidden are odd ones."
    cheaper = "Fewer regions, or fewer tried at each step, take less time; hiding superpixels tries each only once."
    Settings = GreedyRegionsSettings
    needs = "pixels"
    keeps_partial = True
    jointly = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        # Pictures are made ready for the next pass while one is under way.
        return (1 + images_at_once(model, answer)) * picture_pass_bytes(model, answer)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return over_images(_most_pictures(settings.segments * len(answer.question.images), settings))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: GreedyRegionsSettings,
    ) -> Iterator[Step]:
        yield Step(0.0)
        placed = bool(answer.layout.views)
        layout = answer.layout if placed else in_regions(answer.layout)
        regions = regions_of(unmasked(answer.question), layout, settings.segments, settings.compactness)
        search = _Search(model, replace(answer, layout=layout), token_targets, regions, settings)
        remark = None if placed else OF_SQUARES
        over = None if placed else layout
        for done in search.steps():
            scores = torch.zeros(1, len(layout))
            for region, value in zip(regions, search.values(), strict=True):
                scores[0, list(region.positions)] = value
            sets = search.sets()
            told = [remark, *(found.says for found in sets)]
            yield Step(done, scores, " ".join(one for one in told if one), over, sets=sets)


def _most_pictures(regions: int, settings: GreedyRegionsSettings) -> int:
    """How many pictures a search reads at most: two for each region that is tried, the whole one and none of it."""
    steps = min(settings.most, regions)
    tried = [regions if not step else min(regions - step, settings.candidates or regions) for step in range(steps)]
    return 2 + 2 * sum(tried)


class _Search:
    """Regions put in order. `kept` and `left` are the target's probability with the first so many regions alone, and
    without them."""

    def __init__(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        regions: Sequence[Player],
        settings: GreedyRegionsSettings,
    ) -> None:
        self._reader = OutcomeReader(model, answer, token_targets)
        self._regions, self._settings = regions, settings
        self._fill: Fill = fill_named(settings.fill)
        self._order: list[int] = []
        self._gains = np.full(len(regions), np.inf)
        self._kept: list[float] = []
        self._left: list[float] = []

    def steps(self) -> Iterator[float]:
        """The share done of the pictures there may be, after each region that was put in order."""
        most, read = _most_pictures(len(self._regions), self._settings), 2
        self._begin()
        while len(self._order) < min(self._settings.most, len(self._regions)) and not self._ended:
            rest = [number for number in range(len(self._regions)) if number not in self._order]
            rest.sort(key=lambda number: -self._gains[number])
            tried = rest[: self._settings.candidates] if self._order else rest
            before = self._kept[-1] - self._left[-1]
            outcomes = [self._probabilities({*self._order, number}) for number in tried]
            found = list(self._read(outcomes))
            read += 2 * len(tried)
            for region, (kept, left) in zip(tried, found, strict=True):
                self._gains[region] = kept - left - before
            best = max(range(len(tried)), key=lambda place: self._gains[tried[place]])
            self._order.append(tried[best])
            self._kept.append(found[best][0])
            self._left.append(found[best][1])
            if not self._ended and len(self._order) < min(self._settings.most, len(self._regions)):
                yield min(0.99, read / most)
        yield 1.0

    def _begin(self) -> None:
        (nothing,) = self._reader.outcomes([HiddenPatches(frozenset(), self._fill, shown=True)])
        self._kept.append(_probability(nothing.after))
        self._left.append(_probability(nothing.before))

    def _probabilities(self, numbers: set[int]) -> tuple[HiddenPatches, HiddenPatches]:
        """The picture with some regions alone, and without them."""
        positions = frozenset(position for number in numbers for position in self._regions[number].positions)
        return HiddenPatches(positions, self._fill, shown=True), HiddenPatches(positions, self._fill)

    def _read(self, pairs: Sequence[tuple[HiddenPatches, HiddenPatches]]) -> Iterator[tuple[float, float]]:
        outcomes = self._reader.outcomes(one for pair in pairs for one in pair)
        for alone, without in zip(outcomes, outcomes, strict=True):
            yield _probability(alone.after), _probability(without.after)

    @property
    def _whole(self) -> float:
        return self._left[0]

    def _first(self, enough: Sequence[bool]) -> int | None:
        return next((count for count, one in enumerate(enough) if one), None)

    @property
    def _suffices(self) -> int | None:
        return self._first([kept >= self._settings.confidence * self._whole for kept in self._kept])

    @property
    def _needed(self) -> int | None:
        return self._first([left <= (1 - self._settings.confidence) * self._whole for left in self._left])

    @property
    def _ended(self) -> bool:
        return bool(self._order) and self._suffices is not None and self._needed is not None

    def values(self) -> list[float]:
        """A score for each region, from 0 to 1: the first has what it gained, each later one as much less than the one
        before as it gained. Those that were not put in order come below these, by what each gained when it was tried
        last, over what the first gained."""
        objective = [kept - left for kept, left in zip(self._kept, self._left, strict=True)]
        gains = [abs(after - before) for before, after in pairwise(objective)]
        values = np.zeros(len(self._regions))
        if not gains:
            return values.tolist()
        heights = gains[0] - np.cumsum([0.0, *gains[1:]])
        rest = [number for number in range(len(self._regions)) if number not in self._order]
        rest.sort(key=lambda number: -self._gains[number])
        if rest:
            shares = np.clip(self._gains[rest] / (gains[0] or 1.0), 0, 1)
            ranks = 1 - np.arange(len(rest)) / len(rest)
            top = heights[-1]
            bottom = 0.0 if top > 0 else top - 0.1 * gains[0]
            heights = np.append(heights, bottom + (top - bottom) * (0.9 * shares + 0.01 * ranks))
        values[self._order] = 1.0
        low, high = float(heights.min()), float(heights.max())
        if high > low:
            values[[*self._order, *rest]] = (heights - low) / (high - low)
        return values.tolist()

    def sets(self) -> tuple[PatchSet, ...]:
        """What suffices and what is needed, as far as it was found."""
        if not self._order:
            return ()
        return (self._sufficient(), self._necessary())

    def _sufficient(self) -> PatchSet:
        count = self._suffices
        whole = f"p = {self._whole:.2f} with the whole picture"
        if count is None:
            says = f"No {self._told(len(self._order))} suffice: p = {self._kept[-1]:.2f} with these alone, {whole}."
            return PatchSet("Does not suffice", says, self._positions(len(self._order)))
        if not count:
            says = f"Nothing of the picture is needed to say this: p = {self._kept[0]:.2f} without any of it, {whole}."
            return PatchSet("Suffices", says, ())
        says = f"Smallest set found that suffices: p = {self._kept[count]:.2f} with {self._told(count)} alone, {whole}."
        return PatchSet("Suffices", says, self._positions(count))

    def _necessary(self) -> PatchSet:
        count = self._needed
        if count is None:
            count = len(self._order)
            says = f"Not needed: p is still {self._left[-1]:.2f} without {self._told(count)}."
            return PatchSet("Not needed", says, self._positions(count))
        says = f"Needed: p falls to {self._left[count]:.2f} without {self._told(count)}."
        return PatchSet("Needed", says, self._positions(count))

    def _told(self, count: int) -> str:
        """The first so many regions in words."""
        chosen = [self._regions[number] for number in self._order[:count]]
        share = sum(region.share for region in chosen)
        return f"{share:.0%} of the picture ({', '.join(region.name for region in chosen)})"

    def _positions(self, count: int) -> tuple[int, ...]:
        chosen = (self._regions[number].positions for number in self._order[:count])
        return tuple(sorted(position for positions in chosen for position in positions))


def _probability(prediction: Prediction) -> float:
    """The mean over the tokens of their probabilities, and of a token with a rival of p / (p + q)."""
    alone = np.isnan(prediction.rivals)
    against = 1 / (1 + np.exp(-np.clip(prediction.logprobs, -700, 700)))
    return float(np.where(alone, np.exp(prediction.tokens), against).mean())
