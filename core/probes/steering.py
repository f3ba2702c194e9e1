"""Steering: a direction added to states, in doses, beside random directions of the same length.

What a probe reads need not be what the network uses: a direction counts only where adding it changes what is said
(Elazar et al. 2021, "Amnesic Probing", TACL, on why). The direction is the difference between the mean states of the
label's two values (Turner et al. 2023, "Steering Language Models With Activation Engineering"; Marks and Tegmark 2024,
"The Geometry of Truth", on why means rather than a probe's weights). A dose of 1 adds the whole difference: it moves
the mean state of one value to that of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int

from ..answer import Answer
from ..mechanisms.groups import Group
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import NetworkEdits
from ..vlm.cancel import CancelToken
from ..vlm.edits import Edits, Site, StateShift
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget

DOSES = (-4.0, -2.0, -1.0, 1.0, 2.0, 4.0)
RANDOM = 8
"""Random directions: the label's own beats all of them by chance in one of nine."""


def mean_difference(
    states: Float[np.ndarray, "case hidden"], labels: Int[np.ndarray, "case"]
) -> Float[np.ndarray, "hidden"]:
    """The mean state of the cases with label 1 less that of those with label 0."""
    states = states.astype(np.float64)
    return np.asarray(states[labels == 1].mean(0) - states[labels == 0].mean(0))


def random_directions(
    vector: Float[np.ndarray, "hidden"], number: int = RANDOM, seed: int = 0
) -> Float[np.ndarray, "direction hidden"]:
    """So many directions drawn at random, each as long as `vector`."""
    drawn = np.random.default_rng(seed).standard_normal((number, len(vector)))
    return np.asarray(drawn * np.linalg.norm(vector) / np.linalg.norm(drawn, axis=1, keepdims=True))


def shift(layer: int, positions: Sequence[int], vector: Float[np.ndarray, "hidden"], onward: bool = False) -> Edits:
    """The vector added to what goes into a layer, at some positions; with `onward` also at all that follow."""
    return (StateShift(Site.INPUT, layer, tuple(positions), torch.from_numpy(vector).float(), onward),)


@dataclass(frozen=True, eq=False)
class Doses:
    """The log-odds (nats) of a word against its rival, with nothing added, and under each dose of each direction in
    each layer: the label's own direction first, then the random ones."""

    before: float
    log_odds: Float[np.ndarray, "layer dose direction"]


def doses(
    model: VisionLanguageModel,
    answer: Answer,
    target: TokenTarget,
    place: Group,
    directions: Float[np.ndarray, "layer direction hidden"],
    layers: Sequence[int],
    strengths: Sequence[float] = DOSES,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Doses:
    """Add each direction of each of some layers to the states at a place, in each dose. `target` is a word against its
    rival.

    Raises OtherModel, NotApplicable, and Cancelled where it was stopped: half of it says nothing.
    """
    grid = list(product(range(len(layers)), range(len(strengths)), range(directions.shape[1])))
    tried = [
        NetworkEdits(shift(layers[layer], place.positions, strengths[dose] * directions[layer, direction]))
        for layer, dose, direction in grid
    ]
    reader = OutcomeReader(model, answer, (target,))
    found = np.full((len(layers), len(strengths), directions.shape[1]), np.nan)
    before = np.nan
    for where, outcome in zip(grid, reader.outcomes(tried, cancel, progress), strict=False):
        found[where] = outcome.after.logprob
        before = outcome.before.logprob
    if cancel is not None:
        cancel.check()
    return Doses(float(before), found)
