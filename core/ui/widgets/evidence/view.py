"""How maps are tested in this tab, and what was found, kept by the map it is of."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from ....answer import Answer, Explanation, Target
from ....evidence.randomisation import Randomised
from ....evidence.result import Evidence
from ....evidence.settings import EvidenceSettings
from ...jobs.deferred import Deferred
from ...jobs.result_cache import AnswerKey, ResultCache, answer_key


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


@dataclass(frozen=True)
class OnPage:
    """The tests of one page: what went wrong, and where it leaves what takes long."""

    stopped: dict[Hashable, str]
    deferred: Deferred


@dataclass(eq=False)
class EvidenceView:
    """`truth` is the name of what should have been found, where somebody chose it; `asked` the question it was chosen
    for. `stopped` says of tests that were stopped or failed what happened."""

    settings: EvidenceSettings = field(default_factory=EvidenceSettings)
    truth: str | None = None
    asked: AnswerKey | None = None
    tests: ResultCache[Evidence] = field(default_factory=lambda: ResultCache(300))
    randomised: ResultCache[Randomised] = field(default_factory=lambda: ResultCache(100))
    stopped: dict[Hashable, str] = field(default_factory=dict)

    def test_of(self, answer: Answer, explanation: Explanation) -> Evidence | None:
        """The test of a map under the present settings, if it is there."""
        return self.tests.get(self.key(answer, explanation))

    def key(self, answer: Answer, explanation: Explanation) -> Hashable:
        return map_key(answer, explanation), self.settings
