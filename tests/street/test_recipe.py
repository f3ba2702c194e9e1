"""Scenes as links: what is written is read back, and what comes from outside is never trusted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UnreadableRecipe
from core.street.recipe import MOST_CHANGES, Add, Recolour, Remove, SceneRecipe, SetDoor, from_params, possible_changes
from core.street.scene import COLORS, KINDS, sample


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), picks=st.lists(st.integers(0, 10_000), max_size=4))
def test_a_recipe_survives_its_own_link(seed: int, picks: list[int]) -> None:
    recipe = SceneRecipe(seed)
    for pick in picks:
        changes = [change for group in possible_changes(recipe.scene()).values() for change in group]
        changed = recipe.changed(changes[pick % len(changes)])
        try:
            changed.scene()
        except UnreadableRecipe:  # a full picture has no room for one more thing
            continue
        recipe = changed
    params = recipe.to_params()
    assert from_params(params["scene"], params.get("changes", "")) == recipe


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_every_offered_change_alters_the_scene(seed: int) -> None:
    scene = sample(seed)
    for group in possible_changes(scene).values():
        for change in group:
            assert change.apply(scene) != scene


def test_what_may_be_chosen_stands_under_what_it_changes() -> None:
    groups = possible_changes(sample(27))
    assert groups["truck's door"] == (SetDoor("truck", "closed"),)
    shirts = groups["colour of the man's shirt"]
    assert len(shirts) == len(COLORS) - 1 and all(isinstance(change, Recolour) for change in shirts)
    assert Add("ball") in groups["add"] and Add("man") not in groups["add"]


def test_changes_do_what_they_say() -> None:
    scene = sample(27)
    recipe = from_params("27", "man.shirt:yellow,truck.door:closed,-cat")
    changed = recipe.scene()
    assert recipe.changes == (Recolour("man", "shirt", "yellow"), SetDoor("truck", "closed"), Remove("cat"))
    assert changed.the("man") is not None and changed.the("man").color("shirt") == "yellow"  # type: ignore[union-attr]
    assert changed.the("truck") is not None and changed.the("truck").door == "closed"  # type: ignore[union-attr]
    assert scene.count("cat") == 1 and changed.count("cat") == 0
    untouched = {"car", "bird", "house"}
    assert [i for i in changed.items if i.kind in untouched] == [i for i in scene.items if i.kind in untouched]


@pytest.mark.parametrize(
    ("seed", "changes"),
    [
        ("", ""),
        ("-1", ""),
        ("٣", ""),
        ("9" * 400, ""),
        ("0" * 20 + "9" * 20, ""),
        ("1e3", ""),
        ("27", "man.shirt:plaid"),
        ("27", "man.hat:red"),
        ("27", "dragon.body:red"),
        ("27", "car.door:open"),
        ("27", "-dragon"),
        ("27", "-tree"),
        ("27", "with-dragon"),
        ("27", "<script>"),
        ("27", ":.-,::"),
        ("27", ",".join(["man.shirt:red"] * (MOST_CHANGES + 1))),
    ],
)
def test_a_link_that_is_no_scene_gets_a_sentence(seed: str, changes: str) -> None:
    with pytest.raises(UnreadableRecipe) as raised:
        from_params(seed, changes)
    assert str(raised.value).endswith(".")


def test_only_kinds_that_are_there_can_be_taken_away() -> None:
    scene = sample(27)
    offered = {change.kind for change in possible_changes(scene)["take away"]}
    assert offered == {kind for kind in KINDS if scene.count(kind)}
