"""Re-asks of an answer, each as a row: what was taken away, what it covers, what was said then, and what became of the
target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..answer import Answer, Fill, RegionMask, Target, TokenKind
from ..errors import RunDamaged
from ..masking import covered_patches
from ..perturb.reask import Reasked
from .identity import answer_id, result_name
from .kinds import REASKED
from .results import KeptResult
from .run import Run


@dataclass(frozen=True, eq=False)
class ReaskRow:
    """A re-ask. `kept` names it on disk (`Run.forget` removes it); None where it is not known to be there."""

    reasked: Reasked
    kept: KeptResult | None = None

    @property
    def words(self) -> str:
        """What was taken away."""
        return self.reasked.outcome.perturbation.words

    @property
    def masks(self) -> tuple[RegionMask, ...]:
        """The regions that were hidden beside those that the question had; none where the network was changed."""
        return self.reasked.answer.question.masks[len(self.reasked.original.question.masks) :]

    @property
    def fills(self) -> tuple[Fill, ...]:
        """What hidden pixels became, each once."""
        return tuple(dict.fromkeys(mask.fill for mask in self.masks))

    @property
    def hidden(self) -> float:
        """The share of the pixels of the pictures that have a region."""
        of_each: dict[int, list[RegionMask]] = {}
        for mask in self.masks:
            of_each.setdefault(mask.image, []).append(mask)
        unions = [np.logical_or.reduce([mask.hidden for mask in masks]) for masks in of_each.values()]
        pixels = sum(union.size for union in unions)
        return sum(int(union.sum()) for union in unions) / pixels if pixels else 0.0

    @property
    def patches(self) -> tuple[int, ...]:
        """The sequence positions of the image tokens that the regions cover."""
        layout = self.reasked.original.layout
        return tuple(sorted({one for mask in self.masks for one in covered_patches(mask.hidden, layout, mask.image)}))

    @property
    def share_of_patches(self) -> float:
        """The same as a share of all image tokens."""
        every = self.reasked.original.layout.positions(TokenKind.IMAGE)
        return len(self.patches) / len(every) if every else 0.0

    def change(self, target: Target) -> float | None:
        """The change of a target's log-probability, of a contrast's log-odds (nats); None for one that was not read."""
        outcome = self.reasked.of(target)
        return None if outcome is None else outcome.change


def keep_reask(run: Run, reasked: Reasked) -> None:
    """Keep a re-ask with the answer that it is of. The same asked again takes its place. Raises NotWritten, RunBusy."""
    run.keep(REASKED, reasked.original, _about(reasked), reasked, reasked.seconds)


def forget_reask(run: Run, reasked: Reasked) -> None:
    """Remove a re-ask, if it is there. Raises RunBusy."""
    name = result_name(REASKED.name, answer_id(reasked.original), _about(reasked))
    for kept in run.results(REASKED, reasked.original):
        if kept.name == name:
            run.forget(kept)


def _about(reasked: Reasked) -> dict[str, object]:
    return {"taken_away": reasked.outcome.perturbation.words, "said": answer_id(reasked.answer)}


def reasks(run: Run, answer: Answer) -> tuple[ReaskRow, ...]:
    """The re-asks of an answer, the first made first; those that cannot be read stand in the run's `damage`."""
    rows = []
    for kept in run.results(REASKED, answer):
        try:
            rows.append(ReaskRow(kept.load(), kept))
        except RunDamaged as error:
            run.tell(str(error))
    return tuple(rows)
