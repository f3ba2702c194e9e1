"""One case: every thing in the scene is redrawn, and every method's map is summed over each thing.

The model reads pictures as it was trained on, nothing hidden, so the change in the target's log-probability is what the
thing gives to it. (The question stays: with its thing taken out it asks about nothing.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ...answer import Answer, Decoding, Explanation, Target
from ...comparison.keyword import key_tokens
from ...errors import ExplainError
from ...evidence.ranking import gathered_scores, places
from ...explainers.controls import Random, RandomSettings
from ...explainers.registry import explainers
from ...explainers.run import explain
from ...masking.patches import segments_under
from ...perturb.outcomes import outcomes
from ...perturb.perturbation import OtherImages
from ...street.draw import draw
from ...street.redraw import REDRAWS, Redraw
from ...street.scene import Scene
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import token_targets_of
from ..case import Case
from ..journal import Record
from ..plain import plain
from ..score_case import LONGEST_ANSWER, METHOD_SETTINGS
from ..scoring import is_right
from ..street import FEWEST_PIXELS, recipe_of

RANDOM_DRAWS = 16
"""Maps of the random control: its figures are means over them."""
BACKGROUND = -1


@dataclass(frozen=True, eq=False)
class Things:
    """The things of a scene of which enough is to be seen: `indices` in `scene.items`, and for each pixel the number of
    its thing among them, or `BACKGROUND` (also of things that are hardly to be seen)."""

    scene: Scene
    indices: tuple[int, ...]
    labels: Int[np.ndarray, "side side"]

    @property
    def pixels(self) -> list[int]:
        """How many pixels of each are to be seen."""
        return [int((self.labels == number).sum()) for number in range(len(self.indices))]


def things_of(scene: Scene) -> Things:
    """The things of a scene that have `FEWEST_PIXELS` pixels or more to be seen."""
    drawing = draw(scene)
    owners = np.array([BACKGROUND, *(key.item_index for key in drawing.parts)])[drawing.labels]
    seen = [index for index in range(len(scene.items)) if (owners == index).sum() >= FEWEST_PIXELS]
    labels = np.full(owners.shape, BACKGROUND)
    for number, index in enumerate(seen):
        labels[owners == index] = number
    return Things(scene, tuple(seen), labels)


def measure(
    model: VisionLanguageModel, case: Case, methods: Sequence[str], effects: bool, cancel: CancelToken | None
) -> list[Record]:
    """The lines of one case, in plain values: with `effects` one (method None) that tells the things' true effects, or
    the `problem` that keeps the case from being used; and one for each method with its mass on each thing, or the
    `problem` that kept it from explaining. Raises Cancelled, and nothing is half done."""
    answer = ask(model, replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST_ANSWER)), cancel=cancel)
    if cancel is not None:
        cancel.check()
    things = things_of(recipe_of(case).scene())
    about: Record = {"case": case.id, "family": case.about["family"]}
    problem = None if is_right(case, answer.text) else "the answer is wrong"
    if problem is None and len(things.indices) < 2:
        problem = "fewer than two things are to be seen"
    if problem is not None:
        return [{**about, "method": None, "said": answer.text, "problem": problem}]
    target = Target(key_tokens(answer))
    lines: list[Record] = []
    if effects:
        found = true_effects(model, answer, target, things, cancel)
        kinds = [things.scene.items[index].kind for index in things.indices]
        told = {"said": answer.text, "things": kinds, "pixels": things.pixels, "effects": plain(found)}
        lines.append({**about, "method": None, **told})
    for method in methods:
        line: Record = {**about, "method": method}
        try:
            line["masses"] = plain(_masses(model, answer, target, method, things, cancel))
        except ExplainError as error:
            line["problem"] = str(error)
        lines.append(line)
    return lines


def true_effects(
    model: VisionLanguageModel, answer: Answer, target: Target, things: Things, cancel: CancelToken | None = None
) -> dict[Redraw, list[float]]:
    """By how many nats the target's log-probability falls when each thing is redrawn, by the way it is: above zero
    where the thing spoke for it. The mean over all scenes that a way gives; NaN where it gives none. Raises
    Cancelled."""
    wanted = [
        (way, number, scene)
        for way, redrawn in REDRAWS.items()
        for number, index in enumerate(things.indices)
        for scene in redrawn(things.scene, index)
    ]
    pictures = [OtherImages((draw(scene).image,)) for _, _, scene in wanted]
    read = list(outcomes(model, answer, token_targets_of(answer, target), pictures, cancel=cancel))
    if len(read) < len(wanted):
        raise Cancelled("the measurement was stopped")
    falls: dict[tuple[Redraw, int], list[float]] = {}
    for (way, number, _), outcome in zip(wanted, read, strict=True):
        falls.setdefault((way, number), []).append(-outcome.change)
    numbers = range(len(things.indices))
    return {
        way: [fmean(falls[way, number]) if (way, number) in falls else float("nan") for number in numbers]
        for way in REDRAWS
    }


def _masses(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    method: str,
    things: Things,
    cancel: CancelToken | None,
) -> list[list[float]]:
    """The mass on each thing of a method's map; of the random control of each of several maps."""
    settings: list[Any] = [METHOD_SETTINGS.get(method)]
    if method == Random.key:
        settings = [RandomSettings(seed=seed) for seed in range(RANDOM_DRAWS)]
    each = []
    for own in settings:
        (explanation,) = explain(explainers()[method], model, answer, [target], own, cancel=cancel)
        if explanation.complete < 1:
            raise Cancelled("the measurement was stopped")
        each.append(list(map(float, mass_per_thing(explanation, answer, things))))
    return each


def mass_per_thing(explanation: Explanation, answer: Answer, things: Things) -> Float[np.ndarray, "thing"]:
    """What a map has on each thing: each patch's score is spread evenly over its pixels, and summed over the pixels
    that show the thing. Signs are kept; what was not looked at counts as 0."""
    layout = explanation.about(answer).layout
    positions = places(layout)
    scores = np.nan_to_num(gathered_scores(explanation, layout, positions), nan=0.0)
    shares = segments_under(things.labels, layout)
    nothing: dict[int, float] = {}
    return np.array(
        [
            scores @ np.array([shares.get(number, nothing).get(position, 0.0) for position in positions])
            for number in range(len(things.indices))
        ]
    )
