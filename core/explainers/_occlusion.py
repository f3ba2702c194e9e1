"""Taking parts away, one after the other: log p with everything less log p without the part.

Positive: the part supports the token. Parts may overlap; a position's score is the mean over the parts that cover
it, weighted by how much of it they cover.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Question, TokenLayout
from ..masking import in_regions, unmasked
from ..perturb.outcomes import outcomes
from ..perturb.perturbation import Perturbation
from ..vlm.batch_size import images_at_once
from ..vlm.memory_costs import picture_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from ._places import Need
from .base import Explainer, Step

OF_SQUARES = "No image token has a known place in the picture, so the scores are of squares of the picture itself."

Part = tuple[Perturbation, Mapping[int, float]]
"""What is taken away, and for each position how much of it that is."""


class Tally:
    """Changes so far. Positions that are to be looked at and were not are NaN; those that never are, 0."""

    def __init__(self, token_targets: int, length: int, parts: Sequence[Part]) -> None:
        self._total = torch.zeros(token_targets, length)
        self._weight = torch.zeros(length)
        self._expected = torch.zeros(length, dtype=torch.bool)
        for _, shares in parts:
            self._expected[list(shares)] = True

    def add(self, fall: Float[np.ndarray, "target"], shares: Mapping[int, float]) -> None:
        fallen = torch.from_numpy(fall).float()
        for position, share in shares.items():
            self._total[:, position] += share * fallen
            self._weight[position] += share

    def scores(self) -> Float[Tensor, "target position"]:
        known = self._total / self._weight
        return torch.where(self._expected, known, torch.zeros(()))


def taken_away(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    parts: Sequence[Part],
    over: TokenLayout | None = None,
) -> Iterator[Step]:
    """The scores as one part after the other is taken away, of the answer's positions or of those of another layout."""
    tally = Tally(len(token_targets), len(over or answer.layout), parts)
    readings = outcomes(model, answer, token_targets, (perturbation for perturbation, _ in parts))
    for done, (outcome, (_, shares)) in enumerate(zip(readings, parts, strict=True), start=1):
        tally.add(-outcome.changes, shares)
        yield Step(done / len(parts), tally.scores(), layout=over)
    if not parts:
        yield Step(1.0, tally.scores(), layout=over)


def windows(layout: TokenLayout, size: int, step: int) -> list[tuple[int, tuple[int, ...]]]:
    """Square windows of `size` x `size` image tokens, every `step`, over every view: the image and the positions.

    Windows at the far edges are as large as fits; steps are at most as long as a window, so nothing is left out.
    """
    squares = []
    for view in layout.views:
        grid = np.array(view.positions).reshape(view.rows, view.columns)
        for top in _starts(view.rows, size, step):
            for left in _starts(view.columns, size, step):
                inside = grid[top : top + size, left : left + size]
                squares.append((view.image, tuple(int(position) for position in inside.flat)))
    return squares


def _starts(length: int, size: int, step: int) -> Iterator[int]:
    """Where windows begin along one side; none begins that adds nothing to the one before."""
    for start in range(0, length, min(step, size)):
        yield start
        if start + size >= length:
            return


class PixelOcclusion(Explainer):
    """A method that replaces regions of pixels and asks how likely the answer still is, a whole pass each, several of
    them together. Where no image token has a place in the picture, its scores are of squares of the picture."""

    needs: ClassVar[Need] = "pixels"
    signed: ClassVar[bool] = True
    keeps_partial: ClassVar[bool] = True

    @abstractmethod
    def parts(self, question: Question, layout: TokenLayout, settings: Any) -> list[Part]:
        """What pixels are replaced, one part after the other, and for each image token the share of its own among them.
        Parts without an image token are passed over."""

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return images_at_once(model, answer) * picture_pass_bytes(model, answer)

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        yield Step(0.0)
        placed = bool(answer.layout.views)
        layout = answer.layout if placed else in_regions(answer.layout)
        parts = self.parts(unmasked(answer.question), layout, settings)
        steps = taken_away(model, replace(answer, layout=layout), token_targets, [part for part in parts if part[1]])
        yield from steps if placed else (replace(step, layout=layout, remark=OF_SQUARES) for step in steps)
