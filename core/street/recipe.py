"""A drawn scene as something that fits into a link: a seed and the few changes made to it.

`SceneRecipe(7, (Recolour("man", "shirt", "yellow"), Remove("dog")))` is written `seed=7`,
`changes="man.shirt:yellow,-dog"`. Links come from outside, so reading one never trusts it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from ..errors import UnreadableRecipe
from .scene import (
    COLORED_PARTS,
    COLORS,
    DOOR_KINDS,
    KINDS,
    Color,
    Door,
    Kind,
    Scene,
    add,
    recolour,
    remove,
    sample,
    set_door,
)

MOST_CHANGES = 20
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Recolour:
    kind: Kind
    part: str
    color: Color

    def apply(self, scene: Scene) -> Scene:
        return recolour(scene, self.kind, self.part, self.color)

    def __str__(self) -> str:
        return f"{self.kind}.{self.part}:{self.color}"

    @property
    def sentence(self) -> str:
        return f"{thing(self.kind, self.part)} is {self.color}"

    @property
    def group(self) -> str:
        return f"colour of the {thing(self.kind, self.part)}"


@dataclass(frozen=True)
class SetDoor:
    kind: Kind
    door: Door

    def apply(self, scene: Scene) -> Scene:
        return set_door(scene, self.kind, self.door)

    def __str__(self) -> str:
        return f"{self.kind}.door:{self.door}"

    @property
    def sentence(self) -> str:
        return f"{self.kind}'s door is {self.door}"

    @property
    def group(self) -> str:
        return f"{self.kind}'s door"


@dataclass(frozen=True)
class Remove:
    kind: Kind

    def apply(self, scene: Scene) -> Scene:
        if not scene.count(self.kind):
            raise ValueError(f"the scene has no {self.kind}")
        return remove(scene, self.kind)

    def __str__(self) -> str:
        return f"-{self.kind}"

    @property
    def sentence(self) -> str:
        return f"no {self.kind}"

    @property
    def group(self) -> str:
        return "take away"


@dataclass(frozen=True)
class Add:
    kind: Kind

    def apply(self, scene: Scene) -> Scene:
        return add(scene, self.kind)

    def __str__(self) -> str:
        # A plus sign would read as a blank in a link that was typed by hand.
        return f"with-{self.kind}"

    @property
    def sentence(self) -> str:
        return f"one more {self.kind}"

    @property
    def group(self) -> str:
        return "add"


Change = Recolour | SetDoor | Remove | Add
"""One change. `str` is its word in a link, `sentence` tells its outcome, and in a list it stands under `group`."""


def thing(kind: Kind, part: str) -> str:
    """How a coloured part is called: "truck", "man's shirt", "house's wall"."""
    return kind if part == "body" else f"{kind}'s {part}"


CHANGES: tuple[Change, ...] = (
    *(Recolour(kind, part, color) for kind in KINDS for part in COLORED_PARTS[kind] for color in COLORS),
    *(SetDoor(kind, door) for kind in DOOR_KINDS for door in get_args(Door)),
    *map(Remove, KINDS),
    *map(Add, KINDS),
)
"""Every change there is."""
_READ = {str(change): change for change in CHANGES}


@dataclass(frozen=True)
class SceneRecipe:
    """The scene of a seed with changes made one after another."""

    seed: int
    changes: tuple[Change, ...] = ()

    def scene(self) -> Scene:
        """The scene itself. Raises UnreadableRecipe where a change does not fit it."""
        scene = sample(self.seed)
        for change in self.changes:
            try:
                scene = change.apply(scene)
            except ValueError as error:
                raise UnreadableRecipe(f"“{change.sentence}” does not fit scene {self.seed}: {error}.") from error
        return scene

    def changed(self, change: Change) -> SceneRecipe:
        return replace(self, changes=(*self.changes, change))

    def undone(self) -> SceneRecipe:
        return replace(self, changes=self.changes[:-1])

    @property
    def name(self) -> str:
        """What the picture is called on screen."""
        return ", ".join((f"scene {self.seed}", *(change.sentence for change in self.changes)))

    def to_params(self) -> dict[str, str]:
        """The query parameters of a link."""
        params = {"scene": str(self.seed)}
        if self.changes:
            params["changes"] = ",".join(map(str, self.changes))
        return params


def from_params(seed: str, changes: str = "") -> SceneRecipe:
    """The recipe of a link's parameters. Raises UnreadableRecipe for anything that is not one."""
    if not (seed.isascii() and seed.isdigit() and len(seed) <= 10 and int(seed) <= LARGEST_SEED):
        raise UnreadableRecipe(f"The link names a scene that is not a number up to {LARGEST_SEED}.")
    words = [word for word in changes.split(",") if word]
    if len(words) > MOST_CHANGES:
        raise UnreadableRecipe(f"The link changes a scene more than {MOST_CHANGES} times.")
    recipe = SceneRecipe(int(seed), tuple(map(_change, words)))
    recipe.scene()
    return recipe


def _change(word: str) -> Change:
    if word not in _READ:
        raise UnreadableRecipe("The link changes the scene in a way that is not known here.")
    return _READ[word]


def possible_changes(scene: Scene) -> dict[str, tuple[Change, ...]]:
    """Every single change a scene allows, grouped under what is changed: "man's shirt", "truck's door"..."""
    groups: dict[str, tuple[Change, ...]] = {}
    for change in CHANGES:
        if _alters(change, scene):
            groups[change.group] = (*groups.get(change.group, ()), change)
    return groups


def _alters(change: Change, scene: Scene) -> bool:
    try:
        return change.apply(scene) != scene
    except ValueError:
        return False
