"""What is known of claims in this tab, for all pages that tell them: so one claim has one verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from ....claims.claim import Claim, Example
from ....claims.report import Report, Results, committed_results
from ....vlm.model import VisionLanguageModel
from ...state.results import Kind
from ...state.view import View

ReportKey = tuple[str, str]
"""A model's fingerprint, and a claim's key."""
REPORTS = Kind[Report](100)
EXAMPLES = Kind[tuple[Example, ...]](20)


@dataclass(eq=False)
class ClaimsView(View):
    """`chosen` is the claim that is told in full (None: the first), `scenes` how many are asked for of each. What was
    measured is kept in `journals` until the tab is closed."""

    kept: ClassVar = ("chosen", "scenes")

    chosen: str | None = None
    scenes: dict[str, int] = field(default_factory=dict)
    journals: TemporaryDirectory[str] | None = None

    def keep(self, results: Results) -> None:
        """Keep what was just measured in place of what was known."""
        for report in results.reports:
            key = (results.model, report.key)
            self.results.keep(REPORTS, key, report)
            if report.examples:
                self.results.keep(EXAMPLES, key, report.examples)

    def journal(self, model: VisionLanguageModel) -> Path:
        """Where this tab's measurements of a model are kept."""
        if self.journals is None:
            self.journals = TemporaryDirectory(prefix="sightline-claims-")
        return Path(self.journals.name) / f"{model.card.fingerprint[:16]}.jsonl"


@dataclass(frozen=True, eq=False)
class Standing:
    """How a claim stands for a model: the report that holds, None where it was not measured yet. `committed` is the run
    that comes with Sightline, where it has the claim; `here`: what holds was measured in this tab instead."""

    report: Report | None
    committed: Results | None
    here: bool


def report_key(model: VisionLanguageModel, claim: Claim[Any]) -> ReportKey:
    """What a report is of."""
    return model.card.fingerprint, claim.key


def committed(model: VisionLanguageModel) -> Results | None:
    """The run that comes with Sightline, where it is about this model."""
    return committed_results(model.card.fingerprint)


def standing(view: ClaimsView, model: VisionLanguageModel, claim: Claim[Any]) -> Standing:
    """What was measured in this tab holds, or else what comes with Sightline."""
    results = committed(model)
    kept = results.of(claim) if results else None
    own = view.results.get(REPORTS, report_key(model, claim))
    return Standing(own or kept, results if kept else None, own is not None)
