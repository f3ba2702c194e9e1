"""What heads write and states say, as a tab keeps it, whichever page asked for it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...answer import Answer, Target
from ...mechanisms.contributions import Contributions
from ...mechanisms.lens import Reading
from ...runs.kinds import HEAD_INCREASES, READING
from ...vlm.targets import token_targets_of
from .results import Kept, Kind, answer_key


@dataclass(frozen=True, eq=False)
class Read:
    """A reading of states in the vocabulary."""

    reading: Reading
    seconds: float


@dataclass(frozen=True, eq=False)
class Increases:
    """The log-probability increase by every head (nats, the mean over token targets), and how long finding it out
    took."""

    values: Float[np.ndarray, "layers heads"]
    seconds: float


INCREASES = Kind[Increases](
    50,
    run=Kept(
        HEAD_INCREASES,
        lambda increases: (increases.values, increases.seconds),
        Increases,
        lambda key: {"token_targets": key[1][1]},
    ),
)
CONTRIBUTED = Kind[Contributions](2, again=True)
"""All that the heads write for some token targets, by the same key."""
READ = Kind[Read](
    100,
    run=Kept(
        READING,
        lambda read: (read.reading, read.seconds),
        Read,
        lambda key: {"positions": key[2], "layers": key[3], "words": (key[4],)},
    ),
)


def increases_key(answer: Answer, target: Target) -> Hashable:
    """Under what the increases by all heads are kept."""
    return ("written", (answer_key(answer), token_targets_of(answer, target)))


def reading_key(answer: Answer, positions: Sequence[int], layers: Sequence[int], word: int) -> Hashable:
    """Under what states are kept as they read, and how they rank a word."""
    return ("lens", answer_key(answer), tuple(positions), tuple(layers), word)
