"""The very same asked once more, and both answers pinned: of a drawn scene with one thing changed (a counterfactual
twin), or of another model."""

from __future__ import annotations

from dataclasses import replace

from ...street.recipe import Change
from .pins import MOST, pin, pinned
from .scenes import image_of
from .workspace import Exchange, Workspace


def original_of(workspace: Workspace) -> Exchange | None:
    """The answered exchange about the present drawn scene alone that is looked into, or else the last one; None where
    there is none, and so nothing to ask of a twin."""
    image = workspace.image
    if image is None or image.recipe is None or len(workspace.images) > 1:
        return None
    every = [*workspace.exchanges, *([workspace.inspected] if workspace.inspected else [])]
    about = [each for each in every if each.answer and each.answer.tokens and each.images == (image,)]
    return about[-1] if about else None


def room_for(workspace: Workspace, original: Exchange) -> bool:
    """Whether both answers can be pinned."""
    assert original.answer is not None
    there = pinned(workspace, original.answer) is not None
    return len(workspace.pins) + (1 if there else 2) <= MOST


def ask_twin(workspace: Workspace, original: Exchange, change: Change) -> None:
    """Pin an answer about a drawn scene, and note down that the very same is to be asked of the scene with one thing
    changed, which is asked about from now on; that answer is pinned when it is there. Raises UnreadableRecipe for a
    change that does not fit."""
    image = original.image
    assert original.answer is not None and image is not None and image.recipe is not None
    twin = image_of(image.recipe.changed(change))
    pin(workspace, original.answer, original.images, original.target, image.name)
    workspace.choose_image(twin)
    workspace.to_ask = replace(original.question, images=(twin.image,))
    workspace.to_pin = (workspace.to_ask, twin.name)


def pin_again(workspace: Workspace, original: Exchange) -> Exchange:
    """The exchange that asks an original's question once more, of whatever model is in use. Where both answers can be
    pinned the original's is, and the other one will be when it is there."""
    again = Exchange(replace(original.question), original.images)
    if original.answer is not None and room_for(workspace, original):
        pin(workspace, original.answer, original.images, original.target)
        workspace.to_pin = (again.question, "")
    return again


def pin_twin(workspace: Workspace, exchange: Exchange) -> None:
    """Pin the answer of an exchange, where it is one that waits for it."""
    if workspace.to_pin is not None and exchange.question is workspace.to_pin[0] and exchange.answer is not None:
        pin(workspace, exchange.answer, exchange.images, label=workspace.to_pin[1])
        workspace.to_pin = None
