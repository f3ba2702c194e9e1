"""Does a circuit generalise? The same edges where another drawn scene is changed in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..answer import Question
from ..circuits.circuit import Circuit
from ..circuits.transfer import transferred
from ..errors import NotApplicable
from ..perturb.perturbation import OtherImages
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..street.draw import draw
from ..street.recipe import Change
from ..street.scene import Scene
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from .street import held_out

MOST_SKIPPED = 3
"""Times as many scenes are looked at as are wanted, at most."""


@dataclass(frozen=True)
class Elsewhere:
    """The share of the effect that a circuit carries in each of some scenes, and how many of those looked at had none:
    the change did not bear on the word there, or the answer was too short."""

    faithfulness: tuple[float, ...]
    skipped: int

    @property
    def estimate(self) -> Estimate:
        """The mean over scenes with its 95 % bootstrap interval."""
        return mean(np.array(self.faithfulness, dtype=np.float64))


def circuit_elsewhere(
    model: VisionLanguageModel,
    circuit: Circuit,
    question: Question,
    change: Change,
    scenes: int = 8,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Elsewhere:
    """The edges of a circuit alone, in other held-out scenes that this change alters, asked the same question; its
    target's tokens are those at the same places of each answer. Raises Cancelled, NotEnoughMemory, NotShown, and
    NotApplicable for a model of another shape."""
    found: list[float] = []
    skipped = 0
    for recipe in held_out(lambda scene: _alters(change, scene)):
        if len(found) == scenes or len(found) + skipped >= MOST_SKIPPED * scenes:
            break
        picture, other = (draw(one.scene()).image for one in (recipe, recipe.changed(change)))
        answer = ask(model, replace(question, images=(picture,), masks=()), cancel=cancel)
        if cancel is not None:
            cancel.check()
        if len(answer.tokens) <= max(circuit.target.tokens):
            skipped += 1
            continue
        try:
            one = transferred(circuit, model, answer, circuit.target, OtherImages((other,)), cancel=cancel)
        except NotApplicable:
            if (model.card.layers, model.card.heads) != (circuit.layers, circuit.heads):
                raise
            skipped += 1
            continue
        found.append(one.faithfulness)
        progress(len(found) / scenes)
    return Elsewhere(tuple(found), skipped)


def _alters(change: Change, scene: Scene) -> bool:
    try:
        return change.apply(scene) != scene
    except ValueError:
        return False
