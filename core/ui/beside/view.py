"""What is chosen on Side by Side, kept when the page is left."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..jobs.page import PageView

What = Literal["Answers", "Maps", "Heads", "Lens", "Graphs"]


@dataclass(eq=False)
class BesideView(PageView):
    """What is seen of the pinned answers. `asked` are the settings that somebody clicked for: what is missing of them
    is computed, one answer after the other."""

    kept: ClassVar = ("what",)

    what: What = "Answers"
    asked: Hashable = None
