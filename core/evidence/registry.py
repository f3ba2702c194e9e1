"""Finds every metric of this package: a file that defines one is all it takes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

import core.evidence
from core.evidence.metric import MapMetric, Metric


@cache
def metrics() -> dict[str, Metric]:
    """Every metric by its key, in the order of their names.

    Raises ValueError when two have the same key, or one lacks what its page needs.
    """
    found: dict[str, Metric] = {}
    for module in pkgutil.iter_modules(core.evidence.__path__, "core.evidence."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name or kind in (Metric, MapMetric) or not issubclass(kind, Metric):
                continue
            missing = [name for name in ("key", "name", "better", "caveat", "__doc__") if not getattr(kind, name, None)]
            if missing:
                raise ValueError(f"{kind.__qualname__} in {module.name} has no {', '.join(missing)}")
            if kind.key in found:
                raise ValueError(f"two metrics are called {kind.key!r}: one is {kind.__qualname__} in {module.name}")
            found[kind.key] = kind()
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def map_metrics() -> dict[str, MapMetric]:
    """Those of one map alone."""
    return {key: metric for key, metric in metrics().items() if isinstance(metric, MapMetric)}
