"""Probes of one label over layers and places, each beside its controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..statistics.clustered import mean_over_groups
from ..statistics.estimate import Estimate
from .choosing import best_layers, halves
from .controls import base_rate, control_task, shuffled
from .fitting import folds_of, told

SHUFFLES = 20
"""Shuffled sets of labels: a probe that beats all of them by chance is one in 21."""
CONTROLS = 5


@dataclass(frozen=True)
class Cell:
    """A probe of one layer and place. `accuracy` is that of cases whose pictures it was not fitted to, `shuffled` the
    mean accuracy on shuffled labels, `control` that on a random label for each wording of the question, `selectivity`
    the accuracy less that. Layers count from 0: layer i is what goes into the i-th, the last what leaves the network
    (of attention and MLP: what the i-th hands on)."""

    layer: int
    place: str
    accuracy: Estimate
    shuffled: float
    control: float
    selectivity: Estimate


@dataclass(frozen=True)
class Best:
    """The best layer of a place, chosen for each half of the pictures by the other half: its `accuracy` and
    `selectivity`, and the highest accuracy that any of the shuffled sets of labels reaches in the same way. `layers`
    are the two that were chosen."""

    place: str
    layers: tuple[int, int]
    accuracy: Estimate
    selectivity: Estimate
    shuffled: float
    hits: Float[np.ndarray, "case"]


@dataclass(frozen=True, eq=False)
class Probed:
    """All probes of a label: a cell for each layer and place that every case has, and the best of each place."""

    base_rate: float
    cells: tuple[Cell, ...]
    best: tuple[Best, ...]


def probe(
    column: Callable[[int, str], Float[np.ndarray, "case hidden"]],
    layers: int,
    places: Sequence[str],
    labels: Int[np.ndarray, "case"],
    pictures: Int[np.ndarray, "case"],
    wordings: Sequence[str],
    *,
    progress: Callable[[float], None] = lambda done: None,
    seed: int = 0,
) -> Probed:
    """Probe the states that `column` gives for a layer and a place; a place that some case lacks (NaN) is left out.

    `pictures` numbers the picture of each case, `wordings` is its question. Call by call one column of states is in
    memory. `progress` may raise to stop. Raises NotApplicable where there are too few cases.
    """
    folds, half = folds_of(labels, pictures, seed), halves(pictures, seed)
    sets = np.concatenate(
        [
            labels[None],
            shuffled(labels, pictures, SHUFFLES, seed),
            control_task(labels, wordings, CONTROLS, seed),
        ]
    )
    cells: list[Cell] = []
    best: list[Best] = []
    for number, place in enumerate(places):
        hits: list[Float[np.ndarray, "set case"]] = []
        for layer in range(layers):
            states = column(layer, place)
            if np.isnan(states).any():
                break
            hits.append((told(states, sets, folds) == sets).astype(float))
            cells.append(_cell(layer, place, hits[-1], pictures))
            progress((number + (layer + 1) / layers) / len(places))
        if len(hits) == layers:
            best.append(_best(place, np.stack(hits, 1), half, pictures))
    return Probed(base_rate(labels), tuple(cells), tuple(best))


def _parts(
    hits: Float[np.ndarray, "set *rest"],
) -> tuple[Float[np.ndarray, "*rest"], Float[np.ndarray, "shuffle *rest"], Float[np.ndarray, "control *rest"]]:
    return hits[0], hits[1 : 1 + SHUFFLES], hits[1 + SHUFFLES :]


def _cell(layer: int, place: str, hits: Float[np.ndarray, "set case"], pictures: Int[np.ndarray, "case"]) -> Cell:
    own, by_chance, by_words = _parts(hits)
    control = by_words.mean(0)
    return Cell(
        layer=layer,
        place=place,
        accuracy=mean_over_groups(own, pictures),
        shuffled=float(by_chance.mean()),
        control=float(control.mean()),
        selectivity=mean_over_groups(own - control, pictures),
    )


def _best(
    place: str,
    hits: Float[np.ndarray, "set layer case"],
    half: Float[np.ndarray, "case"],
    pictures: Int[np.ndarray, "case"],
) -> Best:
    own, by_chance, by_words = _parts(hits)
    chosen, layers = best_layers(own, half)
    control = np.stack([best_layers(one, half)[0] for one in by_words]).mean(0)
    return Best(
        place=place,
        layers=layers,
        accuracy=mean_over_groups(chosen, pictures),
        selectivity=mean_over_groups(chosen - control, pictures),
        shuffled=max(float(best_layers(one, half)[0].mean()) for one in by_chance),
        hits=chosen,
    )
