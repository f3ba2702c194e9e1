"""What a probe's accuracy is held against: labels that say nothing of the states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int


def base_rate(labels: Int[np.ndarray, "case"]) -> float:
    """How often the most frequent label is right: what can be had without any state."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def shuffled(
    labels: Int[np.ndarray, "case"], pictures: Int[np.ndarray, "case"], draws: int, seed: int = 0
) -> Int[np.ndarray, "draw case"]:
    """The labels shuffled over the cases; where all cases of a picture have the same label, over the pictures, so that
    they still do."""
    rng = np.random.default_rng(seed)
    _, first, of = np.unique(pictures, return_index=True, return_inverse=True)
    by_picture = labels[first]
    if (by_picture[of] == labels).all():
        return np.stack([rng.permutation(by_picture)[of] for _ in range(draws)])
    return np.stack([rng.permutation(labels) for _ in range(draws)])


def control_task(
    labels: Int[np.ndarray, "case"], wordings: Sequence[str], draws: int, seed: int = 0
) -> Int[np.ndarray, "draw case"]:
    """A label for each wording of a question, drawn at random from the labels that there are: what a probe gets right
    by knowing the words alone.

    The control task of Hewitt and Liang (2019), "Designing and Interpreting Probes with Control Tasks", EMNLP, section
    2: an output that is drawn once for each word type can only be learnt by heart. Accuracy less that on the control
    task is a probe's selectivity (equation 1). *Departure:* there are few wordings, of which independent draws would
    often give nearly all one label; here as many wordings get each label as its share of the cases says.
    """
    rng = np.random.default_rng(seed)
    types = {wording: number for number, wording in enumerate(dict.fromkeys(wordings))}
    of = np.array([types[wording] for wording in wordings])
    as_often = np.sort(labels)[((np.arange(len(types)) + 0.5) * len(labels) / len(types)).astype(int)]
    return np.stack([rng.permutation(as_often)[of] for _ in range(draws)])
