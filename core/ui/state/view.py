"""What a tab keeps of a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .results import ResultCache


@dataclass(eq=False)
class View:
    """What a page, or a section that pages share, keeps in a tab while it is not on screen: what is chosen there.
    `results` are the tab's. A subclass adds its choices, each with what it is at first, and names those that the
    run keeps (`kept`)."""

    kept: ClassVar[tuple[str, ...]] = ()

    results: ResultCache = field(default_factory=ResultCache)
