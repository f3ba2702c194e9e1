"""A scene is drawn the same way every time, and its masks say what each pixel shows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.street.draw import Drawing, draw
from core.street.scene import (
    COLORED_PARTS,
    COLORS,
    DOOR_KINDS,
    KINDS,
    MOST_OF_A_KIND,
    SIDE,
    SIZES,
    Item,
    Scene,
    add,
    recolour,
    remove,
    sample,
    set_door,
)
from core.street.shapes import PALETTE, PARTS

SEEDS = range(50)


def one(kind, *, colors=None, door="closed", scale=1.0, x=40, y=70, flipped=False, **scene) -> Scene:
    """A scene with a single item."""
    colors = colors or ("red",) * len(COLORED_PARTS[kind])
    pairs = tuple(zip(COLORED_PARTS[kind], colors, strict=True))
    return Scene((Item(kind, x, y, scale, pairs, door if kind in DOOR_KINDS else None, flipped),), **scene)


def changed(a: Drawing, b: Drawing) -> np.ndarray:
    return (np.asarray(a.image) != np.asarray(b.image)).any(axis=-1)


def grown(mask: np.ndarray, by: int = 1) -> np.ndarray:
    """The mask and its anti-aliased border of `by` pixels."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * by + 1))) > 0


def box_mask(item: Item) -> np.ndarray:
    left, top, right, bottom = item.box
    inside = np.zeros((SIDE, SIDE), bool)
    inside[top:bottom, left:right] = True
    return inside


def with_kind(kind) -> Scene:
    return next(scene for scene in map(sample, range(500)) if scene.the(kind) and len(scene.items) > 3)


def test_the_same_scene_is_always_the_same_picture():
    for seed in range(8):
        first, second = draw(sample(seed)), draw(sample(seed))
        assert first.image.mode == "RGB" and first.image.size == (SIDE, SIDE)
        assert first.image.tobytes() == second.image.tobytes()
        assert np.array_equal(first.labels, second.labels)


def test_another_texture_changes_nearly_every_pixel_and_no_label():
    scene = replace(sample(3), texture=1)
    a, b = draw(scene), draw(replace(scene, texture=2))
    assert changed(a, b).mean() > 0.9
    same = np.ones((SIDE, SIDE), bool)
    for item in scene.of_kind("tree"):  # the leaves of a tree are arranged by texture
        same &= ~box_mask(item)
    assert np.array_equal(a.labels[same], b.labels[same])


@pytest.mark.parametrize(
    "kind, part", [(kind, part) for kind in KINDS for part in COLORED_PARTS[kind]], ids=lambda value: value
)
def test_recolouring_changes_only_that_parts_pixels(kind, part):
    scene = with_kind(kind)
    color = next(c for c in COLORS if c != scene.the(kind).color(part))
    before, after = draw(scene), draw(recolour(scene, kind, part, color))
    assert np.array_equal(before.labels, after.labels)
    difference, mask = changed(before, after), before.mask(kind, part)
    assert difference[mask].mean() > 0.5
    assert not (difference & ~grown(mask)).any()


@pytest.mark.parametrize("kind", DOOR_KINDS)
def test_moving_a_door_changes_only_the_doors_pixels(kind):
    scene = with_kind(kind)
    closed, opened = draw(set_door(scene, kind, "closed")), draw(set_door(scene, kind, "open"))
    either = closed.mask(kind, "door") | opened.mask(kind, "door")
    assert changed(closed, opened)[either].mean() > 0.5
    assert not (changed(closed, opened) & ~grown(either)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_removing_an_object_changes_nothing_outside_its_box_and_shadow(kind):
    scene = with_kind(kind)
    item = scene.the(kind)
    before, after = draw(scene), draw(remove(scene, kind))
    difference = changed(before, after)
    assert difference[before.mask(kind)].mean() > 0.5
    assert not (difference & ~grown(box_mask(item), by=2)).any()
    other = np.logical_or.reduce([before.labels == 0, before.mask(kind)])
    assert not (difference & ~grown(other)).any()


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("scale", [0.85, 1.0, 1.2])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unobstructed_object_fills_its_box_and_shows_every_part(kind, scale, flipped):
    for door in ("open", "closed"):
        scene = one(kind, scale=scale, flipped=flipped, door=door)
        drawing = draw(scene)
        whole = drawing.mask(kind)
        masks = [drawing.mask(kind, part) for part in PARTS[kind]]
        assert all(mask.sum() >= 12 for mask in masks)
        assert not any((a & b).any() for a, b in combinations(masks, 2))
        assert np.array_equal(np.logical_or.reduce(masks), whole)
        assert np.array_equal(whole, drawing.labels > 0)
        assert not (whole & ~box_mask(scene.items[0])).any()
        rows, columns = np.flatnonzero(whole.any(1)), np.flatnonzero(whole.any(0))
        width, height = (round(side * scale) for side in SIZES[kind])
        assert columns[-1] - columns[0] + 1 >= 0.82 * width
        assert rows[-1] - rows[0] + 1 >= 0.82 * height


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_object_is_the_mirror_image(kind):
    scene = one(kind, door="open")
    plain, flipped = draw(scene), draw(one(kind, door="open", flipped=True))
    left, top, right, bottom = scene.items[0].box
    box = np.s_[top:bottom, left - 1 : right + 1]
    mirrored = flipped.labels[box][:, ::-1]
    # Half a pixel of rounding either way is fine.
    assert np.logical_or.reduce([np.roll(plain.labels[box], by, 1) == mirrored for by in (-1, 0, 1)]).mean() > 0.96
    if kind in ("truck", "house", "dog", "cat", "bird"):  # the others look much the same from either side
        assert (plain.labels[box] != flipped.labels[box]).mean() > (mirrored != plain.labels[box]).mean()


@pytest.mark.parametrize("color", COLORS)
def test_the_middle_colour_of_a_part_is_the_colour_it_is_called(color):
    for kind in KINDS:
        if not COLORED_PARTS[kind]:
            continue
        for texture in range(3):
            scene = one(kind, colors=(color,) * len(COLORED_PARTS[kind]), light=0.85, warmth=0.05, texture=texture)
            drawing = draw(scene)
            gain = 0.85 * np.array([1.05, 1, 0.95])
            for part in COLORED_PARTS[kind]:
                seen = np.median(np.asarray(drawing.image)[drawing.mask(kind, part)], axis=0) / gain
                distance = {name: np.abs(seen - PALETTE[name]).max() for name in COLORS}
                assert min(distance, key=distance.__getitem__) == color, (kind, part)
                assert distance[color] < 40, (kind, part, seen)


def test_light_and_warmth_multiply_the_picture():
    scene = one("house", colors=("blue", "red"))
    plain = np.asarray(draw(scene).image, float).mean((0, 1))
    lit = np.asarray(draw(replace(scene, light=0.9, warmth=0.06)).image, float).mean((0, 1))
    assert lit / plain == pytest.approx(0.9 * np.array([1.06, 1, 0.94]), rel=0.01)


@pytest.mark.parametrize("state", ["open", "closed"])
def test_the_doors_of_truck_and_house_are_equally_large(state):
    areas = {}
    for kind in DOOR_KINDS:
        mask = draw(one(kind, scale=0.85, door=state)).mask(kind, "door")
        areas[kind] = mask.sum()
        assert np.flatnonzero(mask.any(0)).size >= 14 and np.flatnonzero(mask.any(1)).size >= 20
    assert areas["truck"] == pytest.approx(areas["house"], rel=0.08)


def test_opening_the_trucks_door_changes_the_picture_as_much_as_opening_the_houses():
    change = {}
    for kind in DOOR_KINDS:
        colors = ("green",) * len(COLORED_PARTS[kind])
        opened, closed = (np.asarray(draw(one(kind, door=d, colors=colors)).image, float) for d in ("open", "closed"))
        change[kind] = np.abs(opened - closed).sum()
    assert 0.8 < change["truck"] / change["house"] < 2


def test_masks_are_of_visible_pixels_only():
    far, near = Item("tree", 60, 60, 1.0), Item("ball", 68, 70, 1.0, (("body", "red"),))
    alone, both = draw(Scene((far,))), draw(Scene((far, near)))
    ball = both.mask("ball")
    assert (alone.mask("tree") & ball).sum() > 100
    assert np.array_equal(both.mask("tree"), alone.mask("tree") & ~ball)


def test_an_entirely_hidden_object_has_an_empty_mask():
    ball = Item("ball", 70, 100, 0.85, (("body", "red"),))
    house = Item("house", 50, 70, 1.2, (("wall", "blue"), ("roof", "red")), "closed")
    assert not draw(Scene((ball, house))).mask("ball").any()


def test_index_picks_among_objects_of_a_kind_in_scene_order():
    items = tuple(Item("ball", x, 100, 1.0, (("body", "red"),)) for x in (100, 10, 50))
    drawing = draw(Scene((Item("tree", 60, 20, 1.0), *items)))
    for index, item in enumerate(items):
        mask = drawing.mask("ball", index=index)
        assert mask.sum() > 200 and not (mask & ~box_mask(item)).any()


@pytest.mark.parametrize("wanted", [("dog", None, 0), ("ball", None, 1), ("ball", "door", 0), ("ball", None, -1)])
def test_asking_for_what_is_not_there_is_a_key_error(wanted):
    with pytest.raises(KeyError):
        draw(one("ball")).mask(*wanted)


def test_every_label_names_its_part_in_sampled_scenes():
    for seed in SEEDS:
        scene = sample(seed)
        drawing = draw(scene)
        assert drawing.labels.max() <= len(drawing.parts)
        for label, key in enumerate(drawing.parts, start=1):
            item = scene.items[key.item_index]
            assert item.kind == key.kind and key.part in PARTS[key.kind]
            assert not ((drawing.labels == label) & ~box_mask(item)).any()


def test_more_parts_than_labels_are_refused():
    balls = tuple(Item("ball", 5, 5, 1.0, (("body", "red"),)) for _ in range(256))
    with pytest.raises(ValueError, match="255"):
        draw(Scene(balls))


def test_sampled_scenes_stay_in_the_frame_and_within_their_limits():
    for seed in SEEDS:
        scene = sample(seed)
        assert scene == sample(seed) and scene.items
        for kind in KINDS:
            assert scene.count(kind) <= MOST_OF_A_KIND.get(kind, 1)
        for item in scene.items:
            left, top, right, bottom = item.box
            assert left >= 0 and top >= 0 and right <= SIDE and bottom <= SIDE
            assert tuple(part for part, _ in item.colors) == COLORED_PARTS[item.kind]
            assert (item.door is not None) == (item.kind in DOOR_KINDS)


def test_one_change_keeps_everything_else():
    scene = with_kind("man")
    other = recolour(scene, "man", "shirt", "yellow")
    assert other.the("man").color("shirt") == "yellow"
    assert other.the("man").color("trousers") == scene.the("man").color("trousers")
    assert remove(other, "man") == remove(scene, "man")
    assert len(scene.items) - len(remove(scene, "man").items) == 1


def test_adding_puts_one_more_in_front_without_moving_the_rest():
    scene = one("ball")
    more = add(scene, "ball", seed=4)
    assert more.items[:-1] == scene.items and more.count("ball") == 2
    assert more == add(scene, "ball", seed=4)


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: recolour(scene, "dog", "body", "red"),
        lambda scene: recolour(scene, "man", "roof", "red"),
        lambda scene: set_door(scene, "truck", "open"),
        lambda scene: set_door(scene, "man", "open"),
        lambda scene: add(scene, "man"),
    ],
)
def test_a_change_that_cannot_be_made_is_a_value_error(change):
    with pytest.raises(ValueError):
        change(one("man"))
