"""Plugins: a class in a file of its own package, found without being registered anywhere.

Explainers, metrics, formats of cases and families of models are such packages: a new one is one new file. Files whose
names begin with an underscore hold what several plugins share.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Sequence
from typing import Any


def discovered(package: str, base: type[Any], named: Sequence[str]) -> dict[str, Any]:
    """One object of every concrete class below `base` that a file of `package` (its name) defines, by its `key`, in the
    order of their names. Files whose names begin with an underscore define none. `named` are the attributes that each
    must have beside a docstring, `key` and `name` among them.

    Raises ValueError when two have the same key, or one lacks what it must have.
    """
    plugins: dict[str, Any] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        for kind in () if _is_shared(module.name) else _defined(module.name, base):
            missing = [name for name in (*named, "__doc__") if not getattr(kind, name, None)]
            if missing:
                raise ValueError(f"{kind.__qualname__} in {module.name} has no {', '.join(missing)}")
            if kind.key in plugins:
                raise ValueError(f"two plugins are called {kind.key!r}: one is {kind.__qualname__} in {module.name}")
            plugins[kind.key] = kind()
    return dict(sorted(plugins.items(), key=lambda item: item[1].name))


def _is_shared(module: str) -> bool:
    """Whether a module holds what plugins share, and none itself."""
    return module.rpartition(".")[2].startswith("_")


def _defined(module: str, base: type[Any]) -> list[Any]:
    """The concrete classes below `base` that a module defines itself."""
    kinds = (kind for _, kind in inspect.getmembers(importlib.import_module(module), inspect.isclass))
    own = (kind for kind in kinds if kind.__module__ == module and kind is not base)
    return [kind for kind in own if issubclass(kind, base) and not inspect.isabstract(kind)]


def description(plugin: object) -> str:
    """The first paragraph of a plugin's docstring as one line: what it says of itself on screen."""
    return " ".join((inspect.getdoc(plugin) or "").split("\n\n")[0].split())
