"""The circuit behind a door: how much of what makes the model say yes comes from the picture.

In a drawn scene with a truck and a house, a door that stands open is asked about ("Is the truck's door open?"), and the
run is corrupted in picture and words at once: the door closed, and a question of as many words about a thing that is
not there ("Do you see a dog here?"), to which the answer is no. So there is an effect whether the model looks or not,
and edges from the picture carry as much of it as the door's state bears on the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import numpy as np

from ..answer import Answer, Decoding, Question, Target
from ..circuits.circuit import fewest_edges
from ..circuits.faithfulness import ordered
from ..circuits.interchange import Interchange
from ..circuits.picture import picture_share
from ..circuits.scores import STEPS, edge_scores
from ..errors import NotApplicable
from ..mechanisms.corruption import OtherPrompt
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..street.draw import draw
from ..street.recipe import SceneRecipe, SetDoor
from ..street.scene import KINDS, Door
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from .street import held_out

Place = Literal["truck", "house"]
SHARE = 0.8
"""Of the effect, which a circuit is to carry."""
TOKENS = 12


@dataclass(frozen=True, eq=False)
class DoorCircuit:
    """Of one door: the share of the effect that comes over edges from the picture (`from_picture`), the effect itself
    (nats), and of the circuit that carries `SHARE` of it how many edges there are and how many of these come from the
    picture. NaN and None where no circuit was looked for."""

    answer: Answer
    target: Target
    from_picture: float
    effect: float
    edges: int | None = None
    picture_edges: int | None = None


def door_scenes() -> Iterator[SceneRecipe]:
    """The held-out scenes with one truck and one house, in order, in which both doors are open."""
    for recipe in held_out(lambda scene: scene.the("truck") is not None and scene.the("house") is not None):
        yield _with_door(_with_door(recipe, "truck", "open"), "house", "open")


def door_question(model: VisionLanguageModel, recipe: SceneRecipe, place: Place, cancel: CancelToken | None) -> Answer:
    """The answer about the open door."""
    picture = draw(recipe.scene()).image
    question = Question(f"Is the {place}'s door open?", (picture,), decoding=Decoding(max_new_tokens=TOKENS))
    answer = ask(model, question, cancel=cancel)
    if cancel is not None:
        cancel.check()
    return answer


def door_twin(answer: Answer, recipe: SceneRecipe, place: Place) -> OtherPrompt:
    """The corruption: the door closed, and a thing asked about that is not there."""
    scene = _with_door(recipe, place, "closed").scene()
    absent = next((kind for kind in KINDS if not scene.count(kind)), None)
    if absent is None:
        raise NotApplicable("Everything is in this scene, so nothing can be asked about that is not. Choose another.")
    question = Question(f"Do you see a {absent} here?", (draw(scene).image,))
    return OtherPrompt(replace(question, decoding=answer.question.decoding))


def yes_or_no_target(model: VisionLanguageModel, answer: Answer) -> Target:
    """The answer's first token against the other of yes and no. Raises NotApplicable where it is neither."""
    yes, no = (model.continuation(answer.question, word)[0] for word in ("Yes", "No"))
    said = answer.token_ids[0] if answer.tokens else None
    if said not in (yes, no):
        raise NotApplicable(f"The model answers “{answer.text}”, which is neither yes nor no. Choose another question.")
    return Target((0,), (no if said == yes else yes,))


def door_circuit(
    model: VisionLanguageModel,
    recipe: SceneRecipe,
    place: Place,
    *,
    circuit: bool = False,
    cancel: CancelToken | None = None,
) -> DoorCircuit:
    """What one door's answer rests on; with `circuit` also the circuit that carries `SHARE` of the effect.

    Raises Cancelled, NotApplicable, NotEnoughMemory, NotShown.
    """
    answer = door_question(model, recipe, place, cancel)
    target = yes_or_no_target(model, answer)
    between = Interchange(model, answer, target, door_twin(answer, recipe, place))
    share = picture_share(between, cancel=cancel)
    effect = between.clean_logprob - between.corrupted_logprob
    if not circuit:
        return DoorCircuit(answer, target, share, effect)
    order = ordered(edge_scores(between, STEPS, cancel=cancel).edges, between.edges)
    kept, _ = fewest_edges(between, order, SHARE, cancel=cancel)
    source = between.graph.source("image")
    assert source is not None
    return DoorCircuit(answer, target, share, effect, int(kept.sum()), int(kept[source].sum()))


def picture_shares(
    model: VisionLanguageModel,
    place: Place,
    scenes: int = 20,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Estimate:
    """The share of the effect on the answer about one door that comes over edges from the picture: the mean over the
    first so many held-out scenes with its 95 % bootstrap interval. About 0 for a door that is not looked at.

    Raises Cancelled, NotApplicable, NotEnoughMemory, NotShown.
    """
    shares = []
    for done, recipe in enumerate(islice(door_scenes(), scenes), 1):
        shares.append(door_circuit(model, recipe, place, cancel=cancel).from_picture)
        progress(done / scenes)
    return shares_mean(shares)


def shares_mean(shares: Sequence[float]) -> Estimate:
    """The mean of shares with its interval."""
    return mean(np.array(shares, dtype=np.float64))


def _with_door(recipe: SceneRecipe, place: Place, door: Door) -> SceneRecipe:
    item = recipe.scene().the(place)
    assert item is not None
    return recipe if item.door == door else recipe.changed(SetDoor(place, door))
