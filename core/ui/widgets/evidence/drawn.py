"""Which drawn scenes the pictures of an answer are, where all of them are."""

from __future__ import annotations

from ....answer import Answer
from ....street.recipe import SceneRecipe
from ...state.workspace import Workspace


def scenes_of(workspace: Workspace, answer: Answer) -> tuple[SceneRecipe, ...]:
    """The recipe of each picture that was asked about; none where one of them was not drawn here."""
    images = workspace.inspected.images if workspace.inspected else ()
    recipes = tuple(image.recipe for image in images if image.recipe is not None)
    return recipes if len(recipes) == len(images) == len(answer.question.images) else ()
