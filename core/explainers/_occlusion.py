"""Taking parts away, one after the other: log p with everything less log p without the part.

Positive: the part supports the token. Parts may overlap; a position's score is the mean over the parts that cover
it, weighted by how much of it they cover.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from ..answer import Answer, Fill, Question, RegionMask, TokenLayout
from ..masking import apply_mask, unmasked
from ..vlm.memory_costs import pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget, target_logprobs
from ._places import needs_places
from .base import Explainer, Step


@dataclass(frozen=True, eq=False)
class PixelRegion:
    """Pixels of one image, and for each image token the share of its pixels among them."""

    image: int
    pixels: Bool[np.ndarray, "height width"]
    shares: Mapping[int, float]


class Tally:
    """Changes so far. Positions that are to be looked at and were not are NaN; those that never are, 0."""

    def __init__(self, token_targets: int, length: int, parts: Sequence[Mapping[int, float]]) -> None:
        self._total = torch.zeros(token_targets, length)
        self._weight = torch.zeros(length)
        self._expected = torch.zeros(length, dtype=torch.bool)
        for part in parts:
            self._expected[list(part)] = True

    def add(self, change: Float[Tensor, "target"], part: Mapping[int, float]) -> None:
        for position, share in part.items():
            self._total[:, position] += share * change
            self._weight[position] += share

    def scores(self) -> Float[Tensor, "target position"]:
        known = self._total / self._weight
        return torch.where(self._expected, known, torch.zeros(()))


def windows(layout: TokenLayout, size: int, step: int) -> list[tuple[int, tuple[int, ...]]]:
    """Square windows of `size` x `size` image tokens, every `step`, over every view: the image and the positions.

    Windows at the far edges are as large as fits; steps are at most as long as a window, so nothing is left out.
    """
    found = []
    for view in layout.views:
        grid = np.array(view.positions).reshape(view.rows, view.columns)
        for top in _starts(view.rows, size, step):
            for left in _starts(view.columns, size, step):
                inside = grid[top : top + size, left : left + size]
                found.append((view.image, tuple(int(position) for position in inside.flat)))
    return found


def _starts(length: int, size: int, step: int) -> Iterator[int]:
    """Where windows begin along one side; none begins that adds nothing to the one before."""
    for start in range(0, length, min(step, size)):
        yield start
        if start + size >= length:
            return


class PixelOcclusion(Explainer):
    """A method that replaces regions of pixels and asks how likely the answer still is, a whole pass each, several of
    them together."""

    signed: ClassVar[bool] = True
    keeps_partial: ClassVar[bool] = True

    @abstractmethod
    def regions(self, question: Question, layout: TokenLayout, settings: Any) -> list[PixelRegion]:
        """What is replaced, one after the other. Regions without an image token are passed over."""

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        return needs_places(model, answer, self.name)

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return pass_bytes(model, answer)

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        question = unmasked(answer.question)
        before = target_logprobs(model.replay_logits(answer), token_targets)
        yield Step(0.0)
        regions = [region for region in self.regions(question, answer.layout, settings) if region.shares]
        tally = Tally(len(token_targets), len(answer.layout), [region.shares for region in regions])
        readings = model.logits_of_images(answer, (_without(question, region, settings.fill) for region in regions))
        for done, (region, logits) in enumerate(zip(regions, readings, strict=True), start=1):
            tally.add(before - target_logprobs(logits, token_targets), region.shares)
            yield Step(done / len(regions), tally.scores())
        if not regions:
            yield Step(1.0, tally.scores())


def _without(question: Question, region: PixelRegion, fill: Fill) -> list[Image.Image]:
    """The question's pictures with one region replaced."""
    images = [image.convert("RGB") for image in question.images]
    images[region.image] = apply_mask(images[region.image], RegionMask(region.pixels, fill, region.image))
    return images
