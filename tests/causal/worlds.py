"""Random linear worlds with unseen variables, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.causal.independence import FisherZ

EXACT = FisherZ(10**13, 1e-3)
"""Calls independent what has a partial correlation below a millionth: an oracle, on correlations without noise."""


@dataclass(frozen=True, eq=False)
class World:
    """Exact correlations of the seen variables, which of them cause which, which pairs share an unseen parent."""

    correlation: np.ndarray
    causes: np.ndarray
    confounded: tuple[tuple[int, int], ...]


def world(seed: int, seen: int = 7, unseen: int = 2, density: float = 0.3) -> World:
    """A random linear Gaussian DAG. Seen variables come in causal order; each unseen one has two of them under it."""
    chance = np.random.default_rng(seed)
    size = seen + unseen
    effect = np.zeros((size, size))
    for child in range(seen):
        for parent in range(child):
            if chance.random() < density:
                effect[child, parent] = chance.choice((-1, 1)) * chance.uniform(0.5, 1.4)
    confounded = []
    for hidden in range(seen, size):
        a, b = sorted(int(node) for node in chance.choice(seen, 2, replace=False))
        confounded.append((a, b))
        for child in (a, b):
            effect[child, hidden] = chance.choice((-1, 1)) * chance.uniform(0.6, 1.4)
    total = np.linalg.inv(np.eye(size) - effect)
    covariance = (total @ np.diag(chance.uniform(0.5, 1.5, size)) @ total.T)[:seen, :seen]
    scale = np.sqrt(np.diag(covariance))
    reach = np.linalg.matrix_power(np.eye(size) + (effect != 0), size)[:seen, :seen] > 0
    np.fill_diagonal(reach, False)
    return World(covariance / np.outer(scale, scale), reach.T, tuple(confounded))


def attention(seed: int, nodes: int, keys: int = 120, sharpness: float = 1.5) -> np.ndarray:
    """Causal softmax rows of some positions of a longer sequence, in groups that look at the same places."""
    chance = np.random.default_rng(seed)
    directions, centres = chance.normal(size=(keys, 6)), chance.normal(size=(4, 6))
    queries = centres[chance.integers(0, 4, nodes)] + 0.8 * chance.normal(size=(nodes, 6))
    scores = sharpness * queries @ directions.T
    positions = np.sort(chance.choice(keys, nodes, replace=False))
    scores[np.arange(keys)[None] > positions[:, None]] = -np.inf
    weights = np.exp(scores - scores.max(1, keepdims=True))
    rows: np.ndarray = weights / weights.sum(1, keepdims=True)
    return rows
