"""Dense labels for pretraining the vision tower: what each patch shows, read off the drawing's own masks.

An object's facts are put on its own patches and nowhere else, so that 'where should the model have looked'
stays meaningful after training. The truck's door is left out of everything: the tower is told neither that
there is a door nor in what state it is (`IGNORE`), only never that there is none.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from .architecture import GRID, PATCH
from .draw import Drawing
from .scene import COLORS, KINDS, Scene
from .shapes import PARTS

IGNORE = -100
PART_NAMES = tuple(sorted({part for parts in PARTS.values() for part in parts}))
HEADS: dict[str, int] = {
    "kind": 1 + len(KINDS),
    "part": 1 + len(PART_NAMES),
    "color": 1 + len(COLORS),
    "door": 3,
    "column": GRID,
    "row": GRID,
    "anchor": 1 + len(KINDS),
}
"""Classes of each label. `column` and `row` place the centre of the object a patch belongs to;
`anchor` marks, once per object, the patch that holds its centre (what counting can rest on)."""

LEAST_COVER = 0.22
"""Share of a patch that objects must cover for it to count as theirs."""


def dense_labels(scene: Scene, drawing: Drawing) -> Int[np.ndarray, "heads patches"]:
    """One class per head of `HEADS` and patch, `IGNORE` where nothing may be learned."""
    patches = drawing.labels.reshape(GRID, PATCH, GRID, PATCH).swapaxes(1, 2).reshape(GRID * GRID, PATCH * PATCH)
    classes = len(drawing.parts) + 1
    counts = np.zeros((GRID * GRID, classes), np.int32)
    np.add.at(counts, (np.repeat(np.arange(GRID * GRID), PATCH * PATCH), patches.ravel()), 1)
    front = counts[:, 1:].argmax(1) if classes > 1 else np.zeros(GRID * GRID, np.int64)
    covered = counts[:, 0] < (1 - LEAST_COVER) * PATCH * PATCH

    table = np.array([_facts(scene, drawing, k) for k in range(len(drawing.parts))] or [[0] * 6]).T
    background = np.array([0, 0, 0, 0, IGNORE, IGNORE])[:, None]
    labels = np.where(covered[None], table[:, front], background)
    return np.concatenate([labels, _anchors(scene)[None]]).astype(np.int64)


def _facts(scene: Scene, drawing: Drawing, k: int) -> list[int]:
    key = drawing.parts[k]
    item = scene.items[key.item_index]
    colors = dict(item.colors)
    color = colors.get(key.part)
    # A wheel, a window or a door has no colour of its own to report; the cab of a truck likewise.
    door = 0
    part = 1 + PART_NAMES.index(key.part)
    if key.part == "door":
        if key.kind == "truck":
            door, part = IGNORE, IGNORE
        else:
            door = 1 if item.door == "open" else 2
    x, y = item.centre
    return [
        1 + KINDS.index(key.kind),
        part,
        1 + COLORS.index(color) if color else 0,
        door,
        min(GRID - 1, int(x // PATCH)),
        min(GRID - 1, int(y // PATCH)),
    ]


def _anchors(scene: Scene) -> Int[np.ndarray, "patches"]:
    anchors = np.zeros(GRID * GRID, np.int64)
    for item in scene.items:
        x, y = item.centre
        anchors[min(GRID - 1, int(y // PATCH)) * GRID + min(GRID - 1, int(x // PATCH))] = 1 + KINDS.index(item.kind)
    return anchors
