"""How far each method tells a model that looks from one that does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...statistics.estimate import Estimate
from ..known_cause.figures import CauseRow, KnownCause
from ..known_cause.sides import PLACES, WHO
from ..known_cause.summary import read_known_cause
from ..known_cause.verdict import RULE
from .base import Column, Further, FurtherColumns


class KnownCauseColumns(FurtherColumns):
    """Of two models that differ in one thing, whether the truck's door is looked at, how far a method's maps tell which
    of them looks."""

    key = "known_cause"
    name = "Known cause"

    def read(self) -> Further:
        file = read_known_cause()
        found = file.known_cause
        return Further(self.name, tuple(found.models.values()), _columns(found), _told(found), file.command)


def _columns(found: KnownCause) -> tuple[Column, ...]:
    return (
        Column(
            "known_cause_beyond",
            "Known cause: truck less house",
            "Share of a map's positive score on the truck's door in the model that looks less that in the one that "
            "does not, less the same difference at the house's door, where both look.",
            "higher",
            _figures(found, lambda row: row.word.beyond),
            "+.2f",
            quoted=True,
        ),
        Column(
            "known_cause_auroc",
            "Known cause: AUROC",
            "How often the share on the truck's door is higher in the model that looks; 0.5 is chance.",
            "higher",
            _figures(found, lambda row: row.word.auroc),
            quoted=True,
        ),
        Column(
            "known_cause_auroc_mass",
            "Known cause: AUROC by absolute mass",
            "The same of the sum of scores on the truck's door without their signs.",
            "higher",
            _figures(found, lambda row: row.word.auroc_mass),
        ),
        Column(
            "known_cause_contrast",
            "Known cause, contrast: truck less house",
            "Of the maps of the answer's first word rather than its opposite (yes rather than no).",
            "higher",
            _figures(found, lambda row: None if row.contrast is None else row.contrast.beyond),
            "+.2f",
        ),
        Column(
            "known_cause_contrast_auroc",
            "Known cause, contrast: AUROC",
            "Of the maps of the answer's first word rather than its opposite.",
            "higher",
            _figures(found, lambda row: None if row.contrast is None else row.contrast.auroc),
            quoted=True,
        ),
    )


def _figures(found: KnownCause, of: Callable[[CauseRow], Estimate | None]) -> Mapping[str, Estimate]:
    told = {row.method: of(row) for row in found.ranking if row.scenes}
    return {method: figure for method, figure in told.items() if figure is not None}


def _told(found: KnownCause) -> str:
    names = {who: found.model_names[who] for who in WHO}
    doors = " and ".join(
        f"the {place}'s door by {_nats(found, 'looks', place)} in the first and {_nats(found, 'habit', place)} in the "
        "second"
        for place in PLACES
    )
    scenes = [row.scenes for row in found.ranking if row.scenes]
    each = (
        f"{min(scenes):,} to {max(scenes):,}" if scenes and min(scenes) < max(scenes) else f"{max(scenes, default=0):,}"
    )
    return (
        f"Both models are asked about the doors of a truck and a house in the same words: {names['looks']} looks at "
        f"both, {names['habit']} answers about the truck's by the wording. {found.used:,} of {found.scenes:,} held-out "
        f"scenes could be used, {each} by each method. True effect: redrawing a door in its other state lowers the "
        f"log-probability of the answer's first word, at {doors}. {RULE}"
    )


def _nats(found: KnownCause, who: str, place: str) -> str:
    one = found.effects[who][place]
    return f"{one.value:.2f} nats ({one.low:.2f} to {one.high:.2f})"
