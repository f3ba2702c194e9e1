"""What the Chat page shows, kept when the page is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ...remedies.base import Remedied
from ...runs import kinds as runs
from ..jobs.page import PageView
from ..state.results import Kept, Kind

Lens = Literal["Answer tokens", "Doubt", "Mask and re-ask", "Compare phrasings", "Try remedies", "Its adapter"]
REMEDIED = Kind[Remedied](200, run=Kept(runs.REMEDIED, about=lambda key: {"remedy": key[1], "settings": key[2]}))
"""By answer, remedy and settings."""


@dataclass(eq=False)
class ChatView(PageView):
    """What is chosen on the page: how the answer is looked into, and which re-asks stand side by side, by their names.
    `tables` counts how often rows were removed, so that marks do not go over to others. `lights`: words in doubt are
    marked, where the model has a calibration."""

    kept: ClassVar = ("lens", "beside", "lights")

    lens: Lens = "Answer tokens"
    beside: tuple[str, ...] = ()
    tables: int = 0
    lights: bool = True
