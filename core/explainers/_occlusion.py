"""Taking parts away, one after the other: log p with everything less log p without the part.

Positive: the part supports the token. Parts may overlap; a position's score is the mean over the parts that cover
it, weighted by how much of it they cover.

From coarse to fine: where whole *blocks* of parts are taken away first, the parts come in falling order of what their
block cost, so that a run which is stopped early knows the places that matter. Until its own parts are read, a position
shows its share of its block's cost; nothing of that is left in a whole run's map.
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
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import Perturbation
from ..perturb.prediction import Outcome
from ..vlm.batch_size import images_at_once
from ..vlm.memory_costs import picture_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from ..vlm.targets import TokenTarget
from ._places import Need
from .base import Explainer, Step

OF_SQUARES = "No image token has a known place in the picture, so the scores are of squares of the picture itself."

STOPPED = (
    "Blocks of squares were hidden first, then their squares, those of the costliest blocks first: squares that the "
    "stop came before show their share of their block's cost."
)

ALONG = 4
"""Windows along each side of a block."""

Part = tuple[Perturbation, Mapping[int, float]]
"""What is taken away, and for each position how much of it that is (of a block: its share of the block's cost)."""


class Tally:
    """Changes so far. Positions that are to be looked at and were not are what their block says, and NaN where none
    was taken away; those that never are, 0."""

    def __init__(self, token_targets: int, length: int, parts: Sequence[Part]) -> None:
        self._total = torch.zeros(token_targets, length)
        self._weight = torch.zeros(length)
        self._rough = torch.full((token_targets, length), float("nan"))
        self._expected = torch.zeros(length, dtype=torch.bool)
        for _, shares in parts:
            self._expected[list(shares)] = True

    def add(self, fall: Float[np.ndarray, "target"], shares: Mapping[int, float]) -> None:
        fallen = torch.from_numpy(fall).float()
        for position, share in shares.items():
            self._total[:, position] += share * fallen
            self._weight[position] += share

    def add_block(self, fall: Float[np.ndarray, "target"], shares: Mapping[int, float]) -> None:
        fallen = torch.from_numpy(fall).float()
        self._rough[:, list(shares)] = fallen[:, None] * torch.tensor(list(shares.values()))

    def costliest_first(self, parts: Sequence[Part]) -> list[Part]:
        """Parts in falling order of what their blocks cost, all token targets together; what is in no block first."""
        cost = self._rough.sum(0).nan_to_num(nan=float("inf"))
        return sorted(parts, key=lambda part: -float(cost[list(part[1])].mean()))

    def scores(self) -> Float[Tensor, "target position"]:
        known = torch.where(self._weight > 0, self._total / self._weight, self._rough)
        return torch.where(self._expected, known, torch.zeros(()))


def taken_away(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    parts: Sequence[Part],
    over: TokenLayout | None = None,
    blocks: Sequence[Part] = (),
) -> Iterator[Step]:
    """The scores as one part after the other is taken away, of the answer's positions or of those of another layout.
    `blocks`, of many parts each, are taken away before them, and then the costliest block's parts first."""
    tally = Tally(len(token_targets), len(over or answer.layout), parts)
    reader, total = OutcomeReader(model, answer, token_targets), len(blocks) + len(parts)
    remark = STOPPED if blocks else None
    for done, (outcome, (_, shares)) in enumerate(_read(reader, blocks), start=1):
        tally.add_block(-outcome.changes, shares)
        yield Step(done / total, tally.scores(), remark, over)
    ordered = tally.costliest_first(parts) if blocks else parts
    for done, (outcome, (_, shares)) in enumerate(_read(reader, ordered), start=len(blocks) + 1):
        tally.add(-outcome.changes, shares)
        yield Step(done / total, tally.scores(), remark if done < total else None, over)
    if not parts:
        yield Step(1.0, tally.scores(), layout=over)


def _read(reader: OutcomeReader, parts: Sequence[Part]) -> Iterator[tuple[Outcome, Part]]:
    return zip(reader.outcomes(perturbation for perturbation, _ in parts), parts, strict=True)


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


def blocks_of_windows(layout: TokenLayout, size: int, step: int) -> list[tuple[int, tuple[int, ...]]]:
    """Blocks of `ALONG` x `ALONG` such windows, over every view that has more windows than a block: the number of a
    block's windows and its positions, each once. Every window of these views lies within a block."""
    blocks = []
    for view in layout.views:
        grid = np.array(view.positions).reshape(view.rows, view.columns)
        tops, lefts = (list(_starts(length, size, step)) for length in (view.rows, view.columns))
        if len(tops) * len(lefts) <= ALONG**2:
            continue
        for rows in _batched(tops):
            for columns in _batched(lefts):
                inside = grid[rows[0] : rows[-1] + size, columns[0] : columns[-1] + size]
                blocks.append((len(rows) * len(columns), tuple(int(position) for position in inside.flat)))
    return blocks


def _batched(starts: Sequence[int]) -> Iterator[Sequence[int]]:
    return (starts[first : first + ALONG] for first in range(0, len(starts), ALONG))


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

    def blocks(self, question: Question, layout: TokenLayout, settings: Any) -> list[Part]:
        """What is replaced before the parts: blocks of many, and for each image token its share of the block's cost. As
        it stands none."""
        return []

    @abstractmethod
    def regions(self, question: Question, layout: TokenLayout, settings: Any) -> int:
        """About how many parts and blocks there are, without finding them."""

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        # Pictures are made ready for the next pass while one is under way.
        return (1 + images_at_once(model, answer)) * picture_pass_bytes(model, answer)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        placed = answer.layout if answer.layout.views else in_regions(answer.layout)
        return over_images(1 + self.regions(answer.question, placed, settings))

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        yield Step(0.0)
        placed = bool(answer.layout.views)
        layout = answer.layout if placed else in_regions(answer.layout)
        parts, blocks = (
            [part for part in some(unmasked(answer.question), layout, settings) if part[1]]
            for some in (self.parts, self.blocks)
        )
        about = replace(answer, layout=layout)
        for step in taken_away(model, about, token_targets, parts, blocks=blocks):
            remarks = [remark for remark in (None if placed else OF_SQUARES, step.remark) if remark]
            yield replace(step, layout=None if placed else layout, remark=" ".join(remarks) or None)
