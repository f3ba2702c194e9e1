"""Every tiny model by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from . import types
from .recipe import Recipe

Build = Callable[[], Recipe]


@cache
def recipes() -> dict[str, Build]:
    """What builds each tiny model. A name is a model type, or a model type and, after a space, which kind of it.

    Every public function of the modules of `types` is one; modules whose names begin with an underscore hold what
    several share. In a function's name an underscore stands for what a model type writes as a dash or a point, and two
    of them part the type from the kind.
    """
    builds: dict[str, Build] = {}
    for module in pkgutil.iter_modules(types.__path__):
        if module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"{types.__name__}.{module.name}")
        for name, build in vars(loaded).items():
            if callable(build) and getattr(build, "__module__", "") == loaded.__name__ and not name.startswith("_"):
                model_type, _, kind = name.partition("__")
                spelled = SPELLED.get(model_type, model_type)
                builds[f"{spelled} {kind.replace('_', ' ')}".strip()] = build
    return dict(sorted(builds.items()))


SPELLED = {"blip_2": "blip-2", "kosmos_2": "kosmos-2", "kosmos_2_5": "kosmos-2.5"}
