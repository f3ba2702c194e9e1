"""The renderers there are, one for each kind of results."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ..errors import UnknownName
from ..plugins import discovered
from .base import Renderer


@cache
def renderers() -> dict[str, Renderer]:
    """Every renderer by the name of its kind of results. Raises ValueError where two are of one kind."""
    return discovered(f"{__package__}.kinds", Renderer, ())


def renderer(kind: str) -> Renderer:
    """The renderer of a kind. Raises UnknownName."""
    known: Mapping[str, Renderer] = renderers()
    if kind not in known:
        raise UnknownName(f"There are no figures of {kind!r}. There are those of {', '.join(sorted(known))}.")
    return known[kind]
