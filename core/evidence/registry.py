"""Finds every metric of this package: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

from ..plugins import discovered
from .metric import MapMetric, Metric


@cache
def metrics() -> dict[str, Metric]:
    """Every metric by its key, in the order of their names.

    Raises ValueError when two have the same key, or one lacks what its page needs.
    """
    return discovered(__package__, Metric, ("key", "name", "better", "caveat"))


def map_metrics() -> dict[str, MapMetric]:
    """Those of one map alone."""
    return {key: metric for key, metric in metrics().items() if isinstance(metric, MapMetric)}
