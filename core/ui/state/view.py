"""What a tab keeps of a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from .results import ResultCache


@dataclass(eq=False)
class View:
    """What a page, or a section that pages share, keeps in a tab while it is not on screen: what is chosen there.
    `results` are the tab's. A subclass adds its choices, each with what it is at first."""

    results: ResultCache = field(default_factory=ResultCache)
