"""Finds every explainer of this package: a file that defines one is all it takes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import TypeGuard

import core.explainers
from core.explainers.base import Explainer


@cache
def explainers() -> dict[str, Explainer]:
    """Every method by its key, in the order of their names.

    Raises ValueError when two have the same key, or one lacks what its page needs.
    """
    found: dict[str, Explainer] = {}
    for module in pkgutil.iter_modules(core.explainers.__path__, "core.explainers."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name or not _is_method(kind):
                continue
            missing = [name for name in ("key", "name", "caveat", "__doc__") if not getattr(kind, name, None)]
            if missing:
                raise ValueError(f"{kind.__qualname__} in {module.name} has no {', '.join(missing)}")
            if kind.key in found:
                raise ValueError(f"two explainers are called {kind.key!r}: one is {kind.__qualname__} in {module.name}")
            found[kind.key] = kind()
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def _is_method(kind: type) -> TypeGuard[type[Explainer]]:
    return issubclass(kind, Explainer) and not inspect.isabstract(kind)


def description(method: object) -> str:
    """The first paragraph of the docstring of a method (or metric), as one line."""
    return " ".join((inspect.getdoc(method) or "").split("\n\n")[0].split())
