"""One scene: both models are asked about both doors, and every method explains the first word of each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from ...answer import Answer, Decoding, Explanation, Question, Target
from ...errors import ExplainError
from ...evidence.ranking import gathered_scores, places
from ...explainers.registry import explainers
from ...explainers.run import explain
from ...masking import patch_coverage
from ...masking.patches import COVERED_SHARE
from ...perturb.outcomes import outcomes
from ...perturb.perturbation import OtherImages
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import rival_ids, token_targets_of
from ..journal import Record
from ..plain import plain
from ..score_case import LONGEST_ANSWER, METHOD_SETTINGS
from .scenes import Door, DoorScene
from .sides import PLACES, WHO, Place, Who

WORD = Target((0,))
OTHER = {"Yes": "No", "No": "Yes"}
Models = Mapping[Who, VisionLanguageModel]


def measure(
    models: Models,
    scene: DoorScene,
    methods: Sequence[str],
    effects: bool,
    contrasts: bool,
    cancel: CancelToken | None,
) -> list[Record]:
    """The lines of one scene, in plain values: with `effects` one (method None) that tells what was said and what
    redrawing each door does, and one for each method with its mass on each door, or the `problem` that kept it from
    explaining. With `contrasts` also of the word rather than its opposite, where a method can tell that. Raises
    Cancelled, and nothing is half done.
    """
    said = answers_of(models, scene, cancel)
    problem = problem_of(said, scene)
    lines: list[Record] = []
    if effects or problem is not None:
        texts = {who: {place: said[who, place].text for place in PLACES} for who in WHO}
        lines.append({"case": scene.id, "method": None, "said": texts, "problem": problem, "effects": None})
    if problem is not None:
        return lines
    rather = {
        key: Target((0,), (rival_ids(models[key[0]], answer, 0, OTHER[_first(answer)])[0],))
        for key, answer in said.items()
    }
    if effects:
        lines[0]["effects"] = {
            who: {
                place: plain(_effect(models[who], said[who, place], rather[who, place], scene.doors[place]))
                for place in PLACES
            }
            for who in WHO
        }
    for method in methods:
        line: Record = {"case": scene.id, "method": method}
        try:
            line["masses"] = {
                who: {
                    place: plain(
                        _masses(
                            models[who],
                            said[who, place],
                            method,
                            rather[who, place] if contrasts else None,
                            scene.doors[place].pixels,
                            cancel,
                        )
                    )
                    for place in PLACES
                }
                for who in WHO
            }
        except ExplainError as error:
            line["problem"] = str(error)
        lines.append(line)
    return lines


def answers_of(models: Models, scene: DoorScene, cancel: CancelToken | None) -> dict[tuple[Who, Place], Answer]:
    """What both models say about both doors. Raises Cancelled."""
    said: dict[tuple[Who, Place], Answer] = {}
    for who in WHO:
        for place in PLACES:
            question = Question(
                scene.doors[place].question, (scene.image,), decoding=Decoding(max_new_tokens=LONGEST_ANSWER)
            )
            said[who, place] = ask(models[who], question, cancel=cancel)
            if cancel is not None:
                cancel.check()
    return said


def problem_of(said: Mapping[tuple[Who, Place], Answer], scene: DoorScene) -> str | None:
    """Why a scene cannot be used; None where it can: where the model that looks is right, to the letter, about both
    doors and the other about the house's, so that each is known to do what it is taken for, and where all answers
    begin with yes or no."""
    for (who, place), answer in said.items():
        does = "looks" if who == "looks" else "has the habit"
        if (who, place) != ("habit", "truck") and answer.text.strip() != scene.doors[place].answer:
            return f"the model that {does} is wrong about the {place}'s door"
        if _first(answer) not in OTHER:
            return f"the model that {does} answers neither yes nor no about the {place}'s door"
    return None


def _first(answer: Answer) -> str:
    return answer.tokens[0].text.strip() if answer.tokens else ""


def _effect(model: VisionLanguageModel, answer: Answer, rather: Target, door: Door) -> dict[str, float]:
    """The door's true effect: by how much (nats) the log-probability of the word, and of it rather than its opposite,
    falls when the door is redrawn in its other state."""
    told = {}
    for name, target in (("word", WORD), ("contrast", rather)):
        (outcome,) = outcomes(model, answer, token_targets_of(answer, target), [OtherImages((door.redrawn,))])
        told[name] = -outcome.change
    return told


def _masses(
    model: VisionLanguageModel,
    answer: Answer,
    method: str,
    rather: Target | None,
    door: Bool[np.ndarray, "height width"],
    cancel: CancelToken | None,
) -> dict[str, dict[str, float] | None]:
    """`share_and_mass` on the door of the map of the word, and of that of the word rather than its opposite."""
    explainer = explainers()[method]
    targets = [WORD, rather] if rather is not None and explainer.contrasts else [WORD]
    maps = explain(explainer, model, answer, targets, METHOD_SETTINGS.get(method), cancel=cancel)
    if any(one.complete < 1 for one in maps):
        raise Cancelled("the measurement was stopped")
    each = [on_door(one, answer, door) for one in maps]
    return {"word": each[0], "contrast": each[1] if len(each) > 1 else None}


def on_door(explanation: Explanation, answer: Answer, door: Bool[np.ndarray, "height width"]) -> dict[str, float]:
    """What a map of an answer has on a door (`share_and_mass`)."""
    layout = explanation.about(answer).layout
    positions = places(layout)
    shares = patch_coverage(door, layout)
    covered = np.array([shares[position] for position in positions])
    return share_and_mass(gathered_scores(explanation, layout, positions), covered)


def share_and_mass(scores: Float[np.ndarray, "patch"], covered: Float[np.ndarray, "patch"]) -> dict[str, float]:
    """What a map has on the patches of which a thing covers more than `COVERED_SHARE`.

    `share` is that of its positive scores, of all its positive scores: 0 where it has none, for then nothing speaks for
    the word. `mass` is absolute: the sum of its scores there without their signs, not held against the rest of the map.
    """
    scores, on = np.nan_to_num(scores, nan=0.0), covered > COVERED_SHARE
    positive = scores.clip(min=0)
    total = float(positive.sum())
    return {"share": float(positive[on].sum()) / total if total > 0 else 0.0, "mass": float(np.abs(scores[on]).sum())}
