"""Finds every metric of this package: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

import core.evidence
from core.evidence.metric import MapMetric, Metric
from core.plugins import discovered


@cache
def metrics() -> dict[str, Metric]:
    """Every metric by its key, in the order of their names.

    Raises ValueError when two have the same key, or one lacks what its page needs.
    """
    return discovered(core.evidence, Metric, ("key", "name", "better", "caveat"))


def map_metrics() -> dict[str, MapMetric]:
    """Those of one map alone."""
    return {key: metric for key, metric in metrics().items() if isinstance(metric, MapMetric)}
