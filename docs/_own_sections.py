"""Sections that plugins give themselves on the page of figures, until somebody writes one that says more.

figures.md tells by hand how each figure is computed. A method, mechanism, metric, format or claim that is dropped in as
one file is told of on that page all the same, by what its class says of itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

HEADING = "Told by themselves"
SAID = ("paper", "measured", "control", "rule", "expects", "caveat", "planted")
"""What a class says beside its docstring, in the order in which it is told."""


def with_own_sections(page: str, plugins: Iterable[Any]) -> str:
    """The page with a section for each plugin that it has none for. Those that it tells of stand below headings that
    are their names, or, as formats do, in rows of a table."""
    sections = [section(plugin) for plugin in plugins if not told(page, plugin.name)]
    return "\n".join([page, f"## {HEADING}\n", *sections]) if sections else page


def told(page: str, name: str) -> bool:
    """Whether a page has a section or a table row of this name."""
    return re.search(rf"^(#+ +{re.escape(name)}$|\| {re.escape(name)}(?!\w))", page, re.M | re.I) is not None


def section(plugin: Any) -> str:
    """A plugin by what its class says: key and module, docstring, what else it says, and its settings."""
    return "\n\n".join([f"### {plugin.name}", *_paragraphs(plugin)]) + "\n"


def _paragraphs(plugin: Any) -> Iterator[str]:
    module = re.sub(r"^core\b", "sightline", type(plugin).__module__)
    yield f"`{plugin.key}` · `{module}`"
    yield inspect.getdoc(type(plugin)) or ""
    yield from (str(getattr(plugin, name)) for name in SAID if getattr(plugin, name, ""))
    if better := getattr(plugin, "better", ""):
        yield f"{better} is better.".capitalize()
    if kind := getattr(plugin, "Settings", None):
        yield ", ".join(f"`{name}` = {shown(value)}" for name, value in asdict(kind()).items())


def shown(value: object) -> str:
    """A setting's value as the page writes it."""
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
