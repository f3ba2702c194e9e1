"""What was found for a model, as pages read it."""

from __future__ import annotations

from pathlib import Path

from core.cases.grounding import GroundingHeads, HeadFigure
from core.cases.kept_heads import keep_heads
from core.statistics.estimate import Estimate


def heads_kept(home: Path, model: str) -> None:
    """Two heads, of which the first points best and grounds."""
    rows = (
        HeadFigure(1, 2, Estimate(0.6, 0.5, 0.7, 4), 0.4, 0.1, 0.5, Estimate(-1.5, -1.6, -1.4, 4, "nats")),
        HeadFigure(0, 1, Estimate(0.3, 0.1, 0.5, 4), 0.1, 0.2, 0.5, Estimate(-0.5, -0.6, -0.4, 4, "nats")),
    )
    found = GroundingHeads(model, "m", "plain", "/data/mine", 0, 5, 4, 0.2, 0.1, rows, "1.2")
    keep_heads(found, home, "sightline heads --folder /data/mine")
