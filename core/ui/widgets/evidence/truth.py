"""What a map should have found: a thing of the drawn scene, or what somebody painted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import streamlit as st
from jaxtyping import Bool

from ....answer import Answer
from ....runs.identity import answer_id
from ....street.draw import draw
from ....street.recipe import SceneRecipe, thing
from ....street.scene import COLORED_PARTS, DOOR_KINDS, Kind, Scene
from ...state.workspace import Workspace
from .view import EvidenceView

Mask = Bool[np.ndarray, "height width"]
PAINTED = "what I painted in Chat"
NONE = "not known"


@dataclass(frozen=True, eq=False)
class Truth:
    """The marked pixels of one picture of the question."""

    pixels: Mask
    image: int


def choose(workspace: Workspace, answer: Answer) -> Truth | None:
    """A choice among what can be marked in the picture that is shown; None where nothing is chosen, or nothing can
    be. At first the thing that the question names."""
    view, things = workspace.view(EvidenceView), named(workspace, answer)
    if not things:
        if answer.question.images:
            st.caption("Where the right place is: paint it in Chat (Mask and re-ask), and it can be chosen here.")
        return None
    if view.asked != answer_id(answer) or view.truth not in (*things, NONE):
        view.asked, view.truth = answer_id(answer), mentioned(list(things), answer.question.text)

    def chosen() -> None:
        view.truth = st.session_state[key]

    key = f"evidence_truth_{len(things)}"
    st.session_state[key] = view.truth or NONE
    st.selectbox(
        "The right place",
        [NONE, *things],
        key=key,
        on_change=chosen,
        width=210,
        help="What the answer is about, pixel by pixel: a thing of the drawn scene, or what you painted in Chat. With "
        "it the pointing game, the energy in the mask and the soft IoU are told.",
    )
    pixels = things.get(view.truth or NONE)
    return None if pixels is None else Truth(pixels, workspace.shown_image)


def named(workspace: Workspace, answer: Answer) -> dict[str, Mask]:
    """Everything that can be marked, by its name on screen."""
    if not answer.question.images:
        return {}
    asked = answer.question.images[workspace.shown_image]
    things: dict[str, Mask] = {}
    images = workspace.inspected.images if workspace.inspected else ()
    image = images[workspace.shown_image] if len(images) == len(answer.question.images) else None
    if image is not None and image.recipe is not None and image.image.size == asked.size:
        things |= parts_of(image.recipe)
    draft = workspace.masks.get((workspace.region_of(answer.question, workspace.shown_image), asked.size))
    if draft is not None and draft.hidden.any():
        things[PAINTED] = draft.hidden
    return things


@lru_cache(maxsize=8)
def parts_of(recipe: SceneRecipe) -> dict[str, Mask]:
    """Every kind in a scene, and its parts that have a colour or a door, with the pixels they show. Not to be written
    to: drawn once for a scene, for it is asked for at every click."""
    scene, drawing = recipe.scene(), draw(recipe.scene())
    things: dict[str, Mask] = {}
    for kind in dict.fromkeys(item.kind for item in scene.items):
        for part in (None, *_parts(kind)):
            masks = [drawing.mask(kind, part, index) for index in range(scene.count(kind))]
            mask = np.logical_or.reduce(masks)
            if mask.any():
                things[_name(scene, kind, part)] = mask
    return things


def _parts(kind: Kind) -> tuple[str, ...]:
    colored = tuple(part for part in COLORED_PARTS[kind] if part != "body")
    return (*colored, "door") if kind in DOOR_KINDS else colored


def _name(scene: Scene, kind: Kind, part: str | None) -> str:
    whole = kind if scene.count(kind) == 1 else f"{kind}s"
    return whole if part is None else thing(kind, part)


def mentioned(names: list[str], question: str) -> str | None:
    """The longest of some names that a question mentions: of "the man's shirt" the shirt, and not the man."""
    asked = question.casefold()
    return max((name for name in names if name.casefold() in asked), key=len, default=None)
