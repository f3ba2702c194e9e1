"""How maps are tested in this tab, and what was found, kept by the map it is of."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar

from ....answer import Answer, Explanation, SceneFill, Target
from ....evidence.modality_result import ModalityEvidence
from ....evidence.randomisation import Randomised
from ....evidence.result import Evidence
from ....evidence.settings import EvidenceSettings
from ....runs import kinds as runs
from ....runs.kinds import EVIDENCE
from ...state.results import AnswerKey, Kept, Kind, answer_key
from ...state.view import View


def _about(key: MapKey) -> dict[str, object]:
    own = {"method": key.method, "map_settings": dict(key.settings), "complete": key.complete}
    return {"target": key.target, **own}


TESTS = Kind[Evidence](300, run=Kept(EVIDENCE, about=lambda key: {**_about(key[0]), "settings": key[1]}))
STAGES = 6
"""How often a map is made anew while weights are shuffled."""
RANDOMISED = Kind[Randomised](100, run=Kept(runs.RANDOMISED, about=lambda key: {**_about(key), "stages": STAGES}))


MODALITIES = Kind[ModalityEvidence](
    100, run=Kept(runs.MODALITIES, about=lambda key: {**_about(key[0]), "settings": key[1]})
)
"""By map and settings."""


@dataclass(frozen=True)
class MapKey:
    """What a map is, by content. A map that was stopped and later made whole is two."""

    answer: AnswerKey
    target: Target
    method: str
    settings: tuple[tuple[str, object], ...]
    complete: float


def map_key(answer: Answer, explanation: Explanation) -> MapKey:
    """The key of an explanation of an answer."""
    settings = tuple(sorted(explanation.settings.items()))
    return MapKey(answer_key(answer), explanation.target, explanation.method, settings, explanation.complete)


@dataclass(frozen=True, eq=False)
class Mapped:
    """A map on the page, under the name that it has there."""

    name: str
    explanation: Explanation


@dataclass(eq=False)
class EvidenceView(View):
    """`truth` is the name of what should have been found, where somebody chose it; `asked` the answer it was chosen
    for, as a run calls it. `fill` is the one that badges, curves and tables speak of, where one was chosen."""

    kept: ClassVar = ("settings", "truth", "asked", "fill")

    settings: EvidenceSettings = field(default_factory=EvidenceSettings)
    truth: str | None = None
    asked: str = ""
    fill: str = ""

    def test_of(self, answer: Answer, explanation: Explanation) -> Evidence | None:
        """The test of a map under the present settings, if it is there."""
        return self.results.get(TESTS, self.key(answer, explanation))

    def fill_of(self, evidence: Evidence) -> SceneFill:
        """The fill of a test that is shown: the chosen one where it was tested, or the first."""
        return next((fill for fill in evidence.fills if fill == self.fill), evidence.fills[0])

    def key(self, answer: Answer, explanation: Explanation) -> Hashable:
        return map_key(answer, explanation), self.settings
