"""Every claim about the shipped model, measured once for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.claims import true_ranking
from core.claims.registry import claims
from core.claims.report import Report, Results
from core.claims.run import run_claims
from core.vlm.cancel import CancelToken
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel

SCENES = 2
REFERENCES = 2
COSTLY = ("picture_free_circuit", "recoloured_shirt", "search_distance", "patch_maps")
"""Seconds a scene: of these one is measured."""


@dataclass(frozen=True)
class Measured:
    """A run of all claims that was stopped after the first scene, and then gone on with but for the costly ones."""

    journal: Path
    stopped: Results
    resumed: Results

    def of(self, key: str, scenes: int = 1) -> Report:
        """What one or two scenes say of a claim; the first one's examples come with the report of one."""
        results = self.stopped if scenes == 1 else self.resumed
        [report] = [report for report in results.reports if report.key == key]
        return report


@pytest.fixture(scope="session")
def embedded() -> VisionLanguageModel:
    return load_model(EMBEDDED)


@pytest.fixture(scope="session")
def measured(embedded: VisionLanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    journal = tmp_path_factory.mktemp("claims") / "journal.jsonl"
    stop = CancelToken()
    done: list[float] = []

    def after_the_first(share: float) -> None:
        done.append(share)
        if share >= 0.5:
            stop.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(true_ranking, "REFERENCES", REFERENCES)
        stopped = run_claims(embedded, journal, SCENES, cancel=stop, progress=after_the_first)
        assert {report.asked for report in stopped.reports} == {1} and (done[0], done[-1]) == (0.0, 0.5)
        others = [key for key in claims() if key not in COSTLY]
        resumed = run_claims(embedded, journal, SCENES, others, command="a command")
    return Measured(journal, stopped, resumed)
