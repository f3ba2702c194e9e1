"""Which run a restoration is made in, and what is put back there, so that as few rows as possible are computed again.

Rows that the corruption has not reached need nothing put back. And where a restoration puts back all that it has
reached up to some position, the whole image for instance, only the rows after it are left corrupted: that is the clean
run with these rows as the corrupted run has them. From there on the two runs are the same, and in the clean one nothing
before these rows changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import NetworkEdits
from ..perturb.prediction import Prediction
from ..vlm.cancel import CancelToken
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Edits, Site, StatePatch
from .groups import Group

States = Callable[[int, Site], Tensor]


@dataclass(frozen=True)
class Restoration:
    """The states at a site of some layers, put back at the positions of a group."""

    site: Site
    layers: tuple[int, ...]
    place: Group


class Restoring:
    """Restorations in one corrupted run, `broken`, of states that the `clean` run has (`states`); with a reader of what
    the clean run predicts under edits, and one of the corrupted run."""

    def __init__(
        self,
        clean: DecoderPass,
        states: States,
        broken: DecoderPass,
        of_clean: OutcomeReader,
        of_broken: OutcomeReader,
    ) -> None:
        self._clean, self._states, self._broken = clean, states, broken
        self._of_clean, self._of_broken = of_clean, of_broken
        self._alike = _leading_alike(clean, broken)

    def outcomes(
        self, restorations: Mapping[int, Restoration], cancel: CancelToken | None
    ) -> Iterator[tuple[int, Prediction]]:
        """What is predicted under each restoration, with its number; those that the clean run can tell come last. Ends
        early where it is stopped."""
        whole = [number for number, restoration in restorations.items() if self._is_whole(restoration)]
        apart = [number for number in restorations if number not in set(whole)]
        sets = (NetworkEdits(self._restored(restorations[number])) for number in apart)
        for number, outcome in zip(apart, self._of_broken.outcomes(sets, cancel), strict=False):
            yield number, outcome.after
        # That a run leaves out rows is known by now, where it can be known; without, nothing is gained.
        gained = self._broken.divides
        edits, reader = (self._swapped, self._of_clean) if gained else (self._restored, self._of_broken)
        sets = (NetworkEdits(edits(restorations[number])) for number in whole)
        for number, outcome in zip(whole, reader.outcomes(sets, cancel), strict=False):
            yield number, outcome.after

    def _is_whole(self, restoration: Restoration) -> bool:
        """Whether a restoration of one layer puts back all that the corruption has reached up to its last position."""
        site, layer = self._where(restoration.site, restoration.layers[0])
        positions = restoration.place.positions
        between = site in (Site.INPUT, Site.OUTPUT)
        reached = range(self._first_reached(site, layer), max(positions) + 1)
        return between and len(restoration.layers) == 1 and set(reached) <= set(positions)

    def _first_reached(self, site: Site, layer: int) -> int:
        """The first position whose state the corruption has changed there."""
        return self._clean.start + self._alike[layer + (site is Site.OUTPUT)]

    def _swapped(self, restoration: Restoration) -> Edits:
        """What is put into the clean run in the place of such a restoration."""
        site, layer = self._where(restoration.site, restoration.layers[0])
        after = max(max(restoration.place.positions) + 1, self._first_reached(site, layer))
        states = self._broken.final if site is Site.OUTPUT else self._broken.states(layer, site)
        states = states[after - self._clean.start :]
        return (StatePatch(site, layer, tuple(range(after, after + len(states))), states),)

    def _restored(self, restoration: Restoration) -> Edits:
        """What is put back in the corrupted run."""
        where = (self._where(restoration.site, layer) for layer in restoration.layers)
        return tuple(self._patch(site, layer, restoration.place.positions) for site, layer in where)

    def _patch(self, site: Site, layer: int, positions: tuple[int, ...]) -> StatePatch:
        start = self._clean.start
        alike = self._alike[layer] if site is Site.INPUT else min(self._alike[layer : layer + 2])
        reached = tuple(position for position in positions if position >= start + alike)
        return StatePatch(site, layer, reached, self._states(layer, site)[[position - start for position in reached]])

    def _where(self, site: Site, layer: int) -> tuple[Site, int]:
        """What comes out of a layer goes into the next, where a run can begin."""
        if site is Site.OUTPUT and layer + 1 < self._clean.layers and self._clean.chained:
            return Site.INPUT, layer + 1
        return site, layer


def _leading_alike(clean: DecoderPass, broken: DecoderPass) -> list[int]:
    """How many rows of two passes, from the first on, are the same as they enter each layer and leave the last."""
    if not clean.chained or broken.start != clean.start:
        return [0] * (clean.layers + 1)
    pairs = [(clean.states(layer, Site.INPUT), broken.states(layer, Site.INPUT)) for layer in range(clean.layers)]
    same = torch.stack([(one == other).all(-1) for one, other in [*pairs, (clean.final, broken.final)]])
    alike: list[int] = same.int().cumprod(-1).sum(-1).tolist()
    return alike
