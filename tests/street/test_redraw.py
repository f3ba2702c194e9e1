"""One thing of a scene redrawn: only it changes, and the scene stays one that could have been drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.street.draw import draw
from core.street.redraw import empty, repainted, swapped, without
from core.street.scene import COLORS, SIDE, sample


@pytest.mark.parametrize("seed", [0, 7, 12])
def test_what_is_taken_out_leaves_every_other_thing_as_it_was(seed: int) -> None:
    scene = sample(seed)
    before = draw(scene)
    for index in range(len(scene.items)):
        (taken,) = without(scene, index)
        assert taken.items == tuple(item for place, item in enumerate(scene.items) if place != index)
        after, owners = draw(taken), np.array([-1, *(key.item_index for key in before.parts)])[before.labels]
        changed = (np.asarray(after.image) != np.asarray(before.image)).any(-1)
        left, top, right, bottom = scene.items[index].box
        around = np.zeros((SIDE, SIDE), bool)
        around[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4] = True
        assert changed[owners == index].mean() > 0.9 and not (changed & ~around).any()


def test_repainting_goes_through_every_other_colour_of_every_part() -> None:
    scene = next(scene for scene in map(sample, range(99)) if scene.the("man"))
    index = next(number for number, item in enumerate(scene.items) if item.kind == "man")
    man, painted = scene.items[index], [one.items[index] for one in repainted(scene, index)]
    for part in ("shirt", "trousers"):
        assert {one.color(part) for one in painted} == set(COLORS) - {man.color(part)}
    assert all(replace(one, colors=man.colors) == man for one in painted) and len(painted) == 7
    tree = next(scene for scene in map(sample, range(99)) if scene.the("tree"))
    assert repainted(tree, [item.kind for item in tree.items].index("tree")) == ()


def test_what_is_swapped_in_stands_where_the_other_stood_and_is_new_to_the_scene() -> None:
    found = 0
    for seed in range(20):
        scene = sample(seed)
        for index, item in enumerate(scene.items):
            for other in swapped(scene, index):
                new = other.items[index]
                left, top, right, bottom = new.box
                assert scene.count(new.kind) == 0 and bottom == item.box[3]
                assert abs(new.centre[0] - item.centre[0]) <= 1 and new.scale == item.scale
                assert left >= 1 and top >= 1 and right < SIDE and bottom < SIDE
                assert other.items[:index] + other.items[index + 1 :] == scene.items[:index] + scene.items[index + 1 :]
                found += 1
    assert found > 50


def test_an_empty_scene_is_the_street_alone() -> None:
    drawing = draw(empty(sample(3)))
    assert drawing.parts == () and not drawing.labels.any()
