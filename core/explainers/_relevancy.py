"""What relevancy over all rows and over the suffix have in common: targets begun at the top, walked down in groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, TokenKind
from ..vlm.costs import check_memory
from ..vlm.model import ModelCard, VisionLanguageModel
from ..vlm.tape import Tape
from ..vlm.tower import TowerTape
from ..vlm.units import NotApplicable, Unit
from ._descent import top_gradients
from ._tower import entering, into_tower
from ._walk import Walk, block_bytes
from .base import Explainer, Step

GROUP_BYTES = 512 * 2**20
"""Gradients of as many targets as fit into this go down together."""

LAYER_STATES = 64
"""A layer's graph and its backward pass hold about this many times its input."""


def grouped(card: ModelCard, rows: int, units: Sequence[Unit]) -> list[tuple[Unit, ...]]:
    """The units in groups that walk down together."""
    size = max(1, GROUP_BYTES // unit_bytes(card, rows))
    return [tuple(units[start : start + size]) for start in range(0, len(units), size)]


def unit_bytes(card: ModelCard, rows: int) -> int:
    """Bytes one target takes on its way down: gradients of the states and of the heads' outputs, and its logits."""
    return 2 * rows * card.hidden * card.number_bytes + 12 * card.vocabulary


def tower_bytes(tower: TowerTape, units: int) -> int:
    """Bytes of a walk of some targets down a tower, beside its tape: a layer's graph, and parts of the gradients."""
    return (LAYER_STATES + 3 * units * len(tower.reads)) * tower.final.nbytes


def begin(model: VisionLanguageModel, tape: Tape, answer: Answer, units: Sequence[Unit], first: int = 0) -> Walk:
    """A walk from the raw logits of `units` (or their differences from the rivals') down `tape`.

    Rows before `first` are constants.
    """
    gradient, scale = top_gradients(model, answer, tape, units)
    length = tape.start + len(tape.final)
    relevancy = scale.new_zeros(len(units), length)
    relevancy[torch.arange(len(units)), [unit.position(answer) for unit in units]] = 1
    return Walk(tape, relevancy, gradient, scale, first)


class RowRelevancy(Explainer):
    """The loop of a relevancy method: its rows from `first_row` on, and the tower behind them where it has one."""

    @abstractmethod
    def first_row(self, answer: Answer) -> int:
        """The first position whose row relevancy passes through."""

    def tower(self, model: VisionLanguageModel, answer: Answer, settings: Any) -> TowerTape | None:
        """The vision tower to go on through, if any."""
        return None

    def without_tower(self, model: VisionLanguageModel, answer: Answer, settings: Any) -> str | None:
        """What is to be said where there was none, if anything."""
        return None

    def estimate(self, model: VisionLanguageModel, answer: Answer, units: Sequence[Unit], settings: Any) -> int:
        card, length = model.card, len(answer.layout)
        rows = length - self.first_row(answer)
        state = card.hidden * card.number_bytes
        together = max(len(group) for group in grouped(card, rows, units))
        kept = (card.layers + 1) * rows * state
        # Grouped heads share keys, and values are as many.
        prefix = 2 * card.layers * (length - rows) * state * card.key_value_heads // card.heads
        graph = LAYER_STATES * rows * state
        blocks = 3 * block_bytes(card.device)
        return kept + prefix + graph + blocks + together * unit_bytes(card, rows) + 8 * len(units) * length

    def scores(
        self, model: VisionLanguageModel, answer: Answer, units: Sequence[Unit], settings: Any
    ) -> Iterator[Step]:
        first = self.first_row(answer)
        tape, tower = model.tape(answer, first), self.tower(model, answer, settings)
        yield Step(0.0)
        groups = grouped(model.card, len(tape.final), units)
        if tower is not None:
            # How large a tower is, only its tape says.
            remedy = "Leave the vision tower out, explain fewer tokens at once, or use a smaller picture."
            check_memory(f"{self.name} through the vision tower", tower_bytes(tower, len(groups[0])), model, remedy)
        images = answer.layout.positions(TokenKind.IMAGE)
        steps = len(units) * (tape.layers + (tower.layers if tower is not None else 0))
        found: list[Float[Tensor, "unit position"]] = []
        done = 0
        for group in groups:
            walk = begin(model, tape, answer, group, first)
            entries: list[Float[Tensor, "unit image_token hidden"]] = []
            for layer in reversed(range(tape.layers)):
                for _ in walk.down(layer):
                    done += 1
                    yield Step(min(0.99, done / steps))
                if tower is not None and layer < tower.entries:
                    entries.insert(0, entering(walk, images))
                if group is groups[-1]:
                    tape.forget(layer)
            if not walk.attended:
                raise NotApplicable(
                    f"The attention of {model.card.name} cannot be seen from outside, so relevancy cannot be had. "
                    "Choose input x gradient or occlusion."
                )
            scores = torch.zeros(len(group), len(answer.layout), dtype=walk.relevancy.dtype, device=walk.scale.device)
            scores[:, : walk.relevancy.shape[1]] = walk.relevancy
            if tower is not None:
                walk = into_tower(tower, walk, images, entries)
                for layer in reversed(range(tower.layers)):
                    for _ in walk.down(layer):
                        done += 1
                        yield Step(min(0.99, done / steps))
                seeing = tower.seeing
                positions = torch.tensor(images, device=seeing.device)[seeing]
                scores[:, positions] = walk.relevancy[:, tower.place_of[seeing]].sum(-1)
            found.append(scores.float().cpu())
        remark = self.without_tower(model, answer, settings) if tower is None else None
        yield Step(1.0, torch.cat(found), remark)
