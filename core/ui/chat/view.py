"""What the Chat page shows, kept when the page is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..state.view import View

Lens = Literal["Answer tokens", "Mask and re-ask", "Compare phrasings", "Its adapter"]


@dataclass(eq=False)
class ChatView(View):
    """What is chosen on the page: how the answer is looked into, and which re-asks stand side by side, by their names.
    `tables` counts how often rows were removed, so that marks do not go over to others."""

    kept: ClassVar = ("lens", "beside")

    lens: Lens = "Answer tokens"
    beside: tuple[str, ...] = ()
    tables: int = 0
