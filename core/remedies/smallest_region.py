"""The smallest region whose removal undoes the word, and what is said without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..answer import Answer, Box, Fill, Target, TokenLayout
from ..comparison.keyword import key_tokens
from ..counted import counted
from ..errors import NotApplicable
from ..explainers._players import Player, regions_of
from ..masking import fill_named, in_regions, pixels_of, unmasked
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import HiddenPatches
from ..perturb.prediction import Prediction
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from ..vlm.targets import token_targets_of
from .base import ONCE, Progress, Remedy, Tried, asked


@dataclass(frozen=True)
class SmallestRegionSettings:
    """The regions, how far they are searched, and what stands in the place of removed ones."""

    segments: int = number(30, "Regions", minimum=4, maximum=200, step=1, help="About so many, of similar colour.")
    most: int = number(4, "Most regions removed", minimum=1, maximum=50, step=1, help="The search ends after so many.")
    candidates: int = number(
        8, "Tried at each step", minimum=1, maximum=200, step=1, help="After the first step only the most telling ones."
    )
    fill: str = choice("mean", "Replaced by", ("mean", "black", "blur", "noise", "inpaint"))


class SmallestRegion(Remedy):
    """The correction search of EAGLE, Chen et al. 2025, "Where MLLMs attend and what they rely on": regions of the
    picture are removed one by one, each time the one without which the deciding word is least probable, until the model
    would say another word there; regions that turn out not to be needed for that are put back. Then it is asked again
    without the rest.

    Where no region undoes the word, the answer did not rest on the picture in such a way, and stays as it is.
    """

    key = "smallest_region"
    name = "Smallest region that undoes the word"
    caveat = "It turns a right word as readily as a wrong one: it says what the word rested on, not what is true."
    order = 90
    Settings = SmallestRegionSettings

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: SmallestRegionSettings) -> Passes:
        regions = settings.segments * len(answer.question.images)
        tried = sum(min(regions - step, settings.candidates) if step else regions for step in range(settings.most))
        return over_images(1 + tried + settings.most) + ONCE

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: SmallestRegionSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        layout = answer.layout if answer.layout.views else in_regions(answer.layout)
        regions = regions_of(unmasked(answer.question), layout, settings.segments, 10.0)
        search = Search(model, replace(answer, layout=layout), regions, settings, cancel)
        most = self.passes(model, answer, settings).count
        chosen = search.found(lambda read: progress(min(0.95, read / most)))
        cost = over_images(search.read) + ONCE
        if chosen is None:
            raise NotApplicable(
                f"No {counted(min(settings.most, len(regions)), 'region')} whose removal undoes the word "
                f"{'was' if settings.most == 1 else 'were'} found: it does not rest on them. The answer stays."
            )
        hidden = HiddenPatches(_positions(chosen), fill_named(settings.fill))
        again = asked(model, hidden.of(answer.question, layout), cancel=cancel)
        share = sum(region.share for region in chosen)
        names = ", ".join(region.name for region in chosen)
        return Tried(again, f"Without {share:.0%} of the picture ({names}).", region=_box(hidden, layout), passes=cost)


class Search:
    """Regions removed one by one. `read` counts the pictures that were read."""

    def __init__(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        regions: Sequence[Player],
        settings: SmallestRegionSettings,
        cancel: CancelToken,
    ) -> None:
        self._targets = token_targets_of(answer, Target(key_tokens(answer)))
        self._reader = OutcomeReader(model, answer, self._targets)
        self._regions, self._settings, self._cancel = regions, settings, cancel
        self._fill: Fill = fill_named(settings.fill)
        self.read = 1

    def found(self, progress: Progress) -> list[Player] | None:
        """The regions without which another word would be said; None where so many do not undo it. `progress` is told
        how many pictures were read. Raises Cancelled."""
        removed: list[Player] = []
        rest, known = list(self._regions), dict.fromkeys((region.name for region in self._regions), 0.0)
        while rest and len(removed) < self._settings.most:
            tried = sorted(rest, key=lambda region: known[region.name])
            tried = tried[: self._settings.candidates] if removed else tried
            outcomes = self._without([[*removed, region] for region in tried], progress)
            known |= {region.name: one.logprob for region, one in zip(tried, outcomes, strict=True)}
            best = min(range(len(tried)), key=lambda place: outcomes[place].logprob)
            removed.append(tried[best])
            rest.remove(tried[best])
            if self._undone(outcomes[best]):
                return self._needed(removed, progress)
        return None

    def _needed(self, removed: list[Player], progress: Progress) -> list[Player]:
        """Those that it cannot do without, the first removed tried last."""
        for region in list(reversed(removed[:-1])):
            others = [one for one in removed if one is not region]
            (outcome,) = self._without([others], progress)
            if self._undone(outcome):
                removed = others
        return removed

    def _without(self, sets: Sequence[Sequence[Player]], progress: Progress) -> list[Prediction]:
        hidden = [HiddenPatches(_positions(regions), self._fill) for regions in sets]
        outcomes = []
        for outcome in self._reader.outcomes(hidden, self._cancel):
            outcomes.append(outcome.after)
            self.read += 1
            progress(self.read)
        self._cancel.check()
        return outcomes

    def _undone(self, prediction: Prediction) -> bool:
        said = [target.token for target in self._targets]
        return any(top != token for top, token in zip(prediction.top, said, strict=True))


def _positions(regions: Iterable[Player]) -> frozenset[int]:
    return frozenset(position for region in regions for position in region.positions)


def _box(hidden: HiddenPatches, layout: TokenLayout) -> Box | None:
    """The box around what is hidden of the first picture."""
    pixels = pixels_of(hidden.positions, layout, 0)
    if not pixels.any():
        return None
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
