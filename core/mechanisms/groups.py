"""Groups of positions that interventions speak of: the picture, the question's words, where the answer is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..answer import Answer, TokenKind
from ..errors import NotApplicable
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget


@dataclass(frozen=True)
class Group:
    """Some positions of an answer's sequence under a name for the screen. Of a picture that is read by cross-attention
    it has no positions, but the keys `across`, counted from 0."""

    name: str
    positions: tuple[int, ...]
    across: tuple[int, ...] = ()


def image_across(model: VisionLanguageModel, answer: Answer) -> Group | None:
    """The pictures as layers of cross-attention read them; None where none does."""
    keys = len(model.with_patches_across(answer)) - len(answer.layout)
    return Group("image", (), tuple(range(keys))) if keys else None


def groups(answer: Answer, token_targets: Sequence[TokenTarget]) -> tuple[Group, ...]:
    """Every position that can bear on the token targets, in five groups of which some may be empty:

    "image", all image tokens; "question", the words of the question itself; "prompt", what else stands in the prompt
    (template, earlier turns); "last", the positions that predict the token targets' tokens; "answer", the earlier
    answer."""
    prompt, kinds = len(answer.prompt_tokens), answer.layout.kinds
    last = tuple(sorted({token_target.position(answer) for token_target in token_targets}))
    asked = answer.layout.question()
    by_name: dict[str, list[int]] = {"image": [], "question": [], "prompt": [], "answer": []}
    for position in range(last[-1] + 1):
        if position in last:
            continue
        if position >= prompt:
            name = "answer"
        elif kinds[position] is TokenKind.IMAGE:
            name = "image"
        else:
            name = "question" if position in asked else "prompt"
        by_name[name].append(position)
    named = {**{name: tuple(positions) for name, positions in by_name.items()}, "last": last}
    return tuple(Group(name, named[name]) for name in ("image", "question", "prompt", "last", "answer"))


def patch_groups(answer: Answer, view: int = 0, side: int = 1) -> tuple[tuple[Group, ...], int, int]:
    """Squares of `side` x `side` image tokens that cover a view, in raster order, with their rows and columns.

    Squares at the right and the bottom are as large as fits. Raises NotApplicable where no image token has a place.
    """
    views = answer.layout.views
    if not 0 <= view < len(views):
        raise NotApplicable(
            "No image token of this answer has a known place in a picture, so there is no map of patches. Choose "
            "groups of tokens."
        )
    grid = np.array(views[view].positions).reshape(views[view].rows, views[view].columns)
    tops, lefts = range(0, grid.shape[0], side), range(0, grid.shape[1], side)
    squares = tuple(
        Group(f"row {top + 1}, column {left + 1}", tuple(grid[top : top + side, left : left + side].ravel().tolist()))
        for top in tops
        for left in lefts
    )
    return squares, len(tops), len(lefts)


def check_groups(answer: Answer, named: Sequence[Group], sources: Sequence[Group] = ()) -> None:
    """Raises NotApplicable for an empty group and for positions after the last one that is read. Only `sources`, which
    are looked at and nothing more, may stand outside the sequence."""
    end = len(answer.layout) - 1
    for group in (*named, *sources):
        if not group.positions and not (group.across and group in sources):
            raise NotApplicable(f"Nothing in this sequence belongs to the group '{group.name}'. Choose another group.")
        if not all(0 <= position < end for position in group.positions):
            raise NotApplicable(
                f"The group '{group.name}' names positions outside those that bear on the target (0 to {end - 1}). "
                "Choose among them."
            )
