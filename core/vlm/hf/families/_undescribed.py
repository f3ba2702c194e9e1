"""Architectures that nobody has described."""

from __future__ import annotations

from .base import Family


class Undescribed(Family):
    """An architecture of which nothing is known but the type that its configuration names."""

    def __init__(self, model_type: str) -> None:
        self.key = self.name = model_type
