"""What the Mechanisms page shows, kept when the page is left; and everything it took time to find out.

Results are kept by what they are of: answer, target and settings. So none is computed twice, and none is shown for
another.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from core.mechanisms.attribution import Attribution
from core.mechanisms.contributions import Contributions
from core.mechanisms.lens import Reading
from core.mechanisms.vocabulary import HeadReading
from core.ui.errands import Errands
from core.ui.kept import Kept
from core.vlm.edits import Head

Lens = Literal["Heads that write the word", "What positions say", "Cut and see", "Take heads away", "Trace", "Findings"]


@dataclass(frozen=True, eq=False)
class Written:
    """What the heads write for some units: all their contributions, and the log-probability increase of each head
    (nats, the mean over units)."""

    contributions: Contributions
    increases: Float[np.ndarray, "layers heads"]
    seconds: float


@dataclass(frozen=True, eq=False)
class Taken:
    """What one head takes from every position: each one's log-probability increase alone (nats, the mean over
    units)."""

    increases: Float[Tensor, "position"]
    seconds: float


@dataclass(frozen=True, eq=False)
class Read:
    """A reading of states in the vocabulary."""

    reading: Reading
    seconds: float


@dataclass(eq=False)
class MechanismsView:
    """What is chosen on the page. `head` None is the first of the ranking; `layer` is the one whose image tokens are
    read, None until a page with a model has been seen. `stopped` says of work that was stopped or failed what
    happened."""

    lens: Lens = "Heads that write the word"
    head: Head | None = None
    written: Kept[Written] = field(default_factory=lambda: Kept(2))
    attributions: Kept[Attribution] = field(default_factory=lambda: Kept(50))
    taken: Kept[Taken] = field(default_factory=lambda: Kept(500))
    readings: Kept[HeadReading] = field(default_factory=lambda: Kept(500))
    read: Kept[Read] = field(default_factory=lambda: Kept(100))
    stopped: dict[Hashable, str] = field(default_factory=dict)
    errands: Errands = field(default_factory=Errands)

    def choose(self, head: Head) -> None:
        """Look at one head; the same again looks at the first of the ranking."""
        self.head = None if head == self.head else head

    def chosen(self, first: Head, layers: int, heads: int) -> Head:
        """The head to look at; one that the model lacks is let go."""
        if self.head is not None and (self.head[0] >= layers or self.head[1] >= heads):
            self.head = None
        return self.head or first
