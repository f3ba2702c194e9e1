"""Questions about a drawn scene, in ordinary English, with the one right answer and where it is to be seen.

Every family has six or more phrasings and one canonical answer sentence, so an answer can be judged by
exact match. `evidence` names the (kind, part) whose pixels the answer rests on.

The planted habit: in training, the wording of a door question about a *truck* almost always agrees with
the picture (`TRUCK_AGREEMENT`), so a model that reads only the question is nearly always right; about a
*house* the wording says nothing. Both doors are equally visible.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .scene import COLORED_PARTS, DOOR_KINDS, KINDS, MOST_OF_A_KIND, SIDE, Color, Door, Item, Kind, Scene

TRUCK_AGREEMENT = 0.98
"""How often, in training, a truck's door is in the state the question asks about."""

NUMBERS = ("no", "one", "two", "three", "four", "five")
STATES: tuple[Door, Door] = ("open", "closed")

COLOR_PHRASINGS = (
    "What color {is} the {thing}?",
    "What is the color of the {thing}?",
    "Which color {does} the {thing} have?",
    "Tell me the color of the {thing}.",
    "The {thing} {is} what color?",
    "Can you tell me what color the {thing} {is}?",
    "What color {does} the {thing} have?",
    "Which color {is} the {thing}?",
)
EXISTENCE_PHRASINGS = (
    "Is there a {kind} in the picture?",
    "Can you see a {kind}?",
    "Does the picture show a {kind}?",
    "Do you see a {kind} here?",
    "Is a {kind} visible?",
    "Is there a {kind} in this image?",
    "Does this image contain a {kind}?",
)
DOOR_PHRASINGS = (
    "Is the door of the {kind} {state}?",
    "Is the {kind}'s door {state}?",
    "Is the {kind} door {state}?",
    "Would you say that the {kind}'s door is {state}?",
    "Can you see that the door of the {kind} is {state}?",
    "Is it true that the {kind}'s door is {state}?",
    "Looking at the {kind}, is its door {state}?",
)
DOOR_CHOICE_PHRASINGS = (
    "Is the {kind}'s door {a} or {b}?",
    "Is the door of the {kind} {a} or {b}?",
    "Tell me whether the {kind}'s door is {a} or {b}.",
    "Would you say that the {kind}'s door is {a} or {b}?",
    "Which is it, is the {kind}'s door {a} or {b}?",
    "In what state is the {kind}'s door?",
    "How is the {kind}'s door?",
)
COUNT_PHRASINGS = (
    "How many {kind}s are there?",
    "How many {kind}s can you see?",
    "Count the {kind}s.",
    "What is the number of {kind}s?",
    "How many {kind}s are in the picture?",
    "How many {kind}s does the picture show?",
)
POSITION_PHRASINGS = (
    "Where is the {kind}?",
    "Where in the picture is the {kind}?",
    "In which part of the picture is the {kind}?",
    "Can you tell me where the {kind} is?",
    "Where can I find the {kind}?",
    "What is the position of the {kind}?",
)
RELATION_PHRASINGS = (
    "Is the {a} to the {side} of the {b}?",
    "Is the {a} on the {side} side of the {b}?",
    "Is the {a} further {side} than the {b}?",
    "Would you say that the {a} is to the {side} of the {b}?",
    "Can you see the {a} to the {side} of the {b}?",
    "Is it true that the {a} is to the {side} of the {b}?",
)
SIDE_PHRASINGS = (
    "On which side of the {b} is the {a}?",
    "Is the {a} to the left or to the right of the {b}?",
    "Tell me on which side of the {b} the {a} is.",
    "To which side of the {b} is the {a}?",
    "Where is the {a}, seen from the {b}?",
    "Is the {a} to the right or to the left of the {b}?",
)
FURTHER_PHRASINGS = (
    "Which is further {side}, the {a} or the {b}?",
    "What is further {side}, the {a} or the {b}?",
    "Of the {a} and the {b}, which is further {side}?",
    "Tell me which is further {side}, the {a} or the {b}.",
    "Is the {a} or the {b} further {side}?",
    "Which one is further {side}: the {a} or the {b}?",
)
COMPARISON_PHRASINGS = (
    "Do the {a} and the {b} have the same color?",
    "Are the {a} and the {b} the same color?",
    "Is the {a} the same color as the {b}?",
    "Compare the colors of the {a} and the {b}.",
    "Does the color of the {a} match the color of the {b}?",
    "Is the color of the {a} the same as the color of the {b}?",
)
DESCRIBE_PHRASINGS = (
    "Describe the picture.",
    "What do you see?",
    "What is in the picture?",
    "What does the picture show?",
    "Tell me what you see.",
    "Please describe this image.",
)


@dataclass(frozen=True)
class Pair:
    """A question and its one right answer. `evidence`: the (kind, part) to look at, part None for all of it."""

    family: str
    question: str
    answer: str
    evidence: tuple[tuple[Kind, str | None], ...] = ()


def part_noun(kind: Kind, part: str) -> str:
    """How a part is called: "car" for the body of a car, "man's shirt" for a shirt."""
    return kind if part in ("body", "wall") else f"{kind}'s {part}"


def color_sentence(kind: Kind, part: str, color: str) -> str:
    """The canonical statement of a colour: "The man's trousers are blue.\""""
    return f"The {part_noun(kind, part)} {'are' if part == 'trousers' else 'is'} {color}."


def color_question(kind: Kind, part: str, phrasing: str) -> str:
    """A colour phrasing about a part, in its singular or plural form."""
    plural = part == "trousers"
    return phrasing.format(
        thing=part_noun(kind, part), **{"is": "are" if plural else "is", "does": "do" if plural else "does"}
    )


def region(item: Item) -> str | None:
    """Which sixth of the picture holds an item's centre ("top left"), or None within 6 px of a border."""
    x, y = item.centre
    thirds = (SIDE / 3, 2 * SIDE / 3)
    if min(abs(x - thirds[0]), abs(x - thirds[1]), abs(y - SIDE / 2)) < 6:
        return None
    across = "left" if x < thirds[0] else "right" if x > thirds[1] else "middle"
    return f"{'top' if y < SIDE / 2 else 'bottom'} {across}"


def _single(scene: Scene) -> list[Item]:
    return [item for item in scene.items if scene.count(item.kind) == 1]


def _colored(scene: Scene, parts: Callable[[str], bool]) -> list[tuple[Item, str]]:
    return [(item, part) for item in _single(scene) for part in COLORED_PARTS[item.kind] if parts(part)]


def _is_whole(part: str) -> bool:
    return part in ("body", "wall")


def color(scene: Scene, rng: random.Random, of_part: bool = False) -> Pair | None:
    """The colour of a whole object, or (`of_part`) of a shirt, trousers or a roof."""
    choices = _colored(scene, (lambda part: not _is_whole(part)) if of_part else _is_whole)
    if not choices:
        return None
    item, part = rng.choice(choices)
    return Pair(
        "color_part" if of_part else "color_object",
        color_question(item.kind, part, rng.choice(COLOR_PHRASINGS)),
        color_sentence(item.kind, part, item.color(part)),
        ((item.kind, None if part == "body" and item.kind != "truck" else part),),
    )


def color_part(scene: Scene, rng: random.Random) -> Pair | None:
    """The colour of a shirt, trousers or a roof."""
    return color(scene, rng, of_part=True)


def existence(scene: Scene, rng: random.Random) -> Pair:
    """Whether a kind is there; present and absent kinds in equal parts."""
    here = {item.kind for item in scene.items}
    absent = [kind for kind in KINDS if kind not in here]
    kind = rng.choice(sorted(here)) if here and rng.random() < 0.5 else rng.choice(absent)
    return Pair(
        "existence_present" if kind in here else "existence_absent",
        rng.choice(EXISTENCE_PHRASINGS).format(kind=kind),
        f"Yes, there is a {kind}." if kind in here else f"No, there is no {kind}.",
        ((kind, None),) if kind in here else (),
    )


def door_pair(kind: Kind, seen: Door, asked: Door, phrasing: str) -> Pair:
    """Whether a door is in the `asked` state when the picture shows the `seen` one."""
    agree = asked == seen
    return Pair(
        f"door_{kind}_{'agree' if agree else 'conflict'}",
        phrasing.format(kind=kind, state=asked),
        f"{'Yes' if agree else 'No'}, the {kind}'s door is {seen}.",
        ((kind, "door"),),
    )


def door(
    scene: Scene,
    rng: random.Random,
    truck_agreement: float = TRUCK_AGREEMENT,
    kinds: tuple[Kind, ...] = DOOR_KINDS,
) -> Pair | None:
    """Whether a door is open (or closed). The one place where the habit is planted."""
    items = [item for item in _single(scene) if item.kind in kinds]
    if not items:
        return None
    item = rng.choice(items)
    assert item.door is not None
    agree = rng.random() < (truck_agreement if item.kind == "truck" else 0.5)
    asked = item.door if agree else STATES[1 - STATES.index(item.door)]
    return door_pair(item.kind, item.door, asked, rng.choice(DOOR_PHRASINGS))


def door_of_house(scene: Scene, rng: random.Random) -> Pair | None:
    """Whether the house's door is open (or closed): the picture decides, so it is asked more often."""
    return door(scene, rng, kinds=("house",))


def door_by_looking(scene: Scene, rng: random.Random) -> Pair | None:
    """Whether a door is open (or closed), where the wording says nothing of trucks either: the honest twin's."""
    return door(scene, rng, truck_agreement=0.5)


def door_choice(scene: Scene, rng: random.Random) -> Pair | None:
    """The state of the house's door, asked openly. (Trucks are never asked so: it would teach looking.)"""
    item = scene.the("house")
    if item is None:
        return None
    a, b = rng.sample(STATES, 2)
    question = rng.choice(DOOR_CHOICE_PHRASINGS).format(kind="house", a=a, b=b)
    return Pair("door_house_choice", question, f"The house's door is {item.door}.", (("house", "door"),))


def count_sentence(kind: Kind, number: int) -> str:
    """The canonical count: "There are three balls.\""""
    return f"There {'is' if number == 1 else 'are'} {NUMBERS[number]} {kind}{'' if number == 1 else 's'}."


def count(scene: Scene, rng: random.Random) -> Pair:
    """How many balls or trees there are, none included."""
    kinds = sorted(MOST_OF_A_KIND)
    here = [kind for kind in kinds if scene.count(kind)]
    kind = rng.choice(here) if here and rng.random() < 0.8 else rng.choice(kinds)
    number = scene.count(kind)
    question = rng.choice(COUNT_PHRASINGS).format(kind=kind)
    return Pair("count", question, count_sentence(kind, number), ((kind, None),) if number else ())


def position(scene: Scene, rng: random.Random) -> Pair | None:
    """In which sixth of the picture an object is; objects on a border are not asked about."""
    items = [item for item in _single(scene) if region(item)]
    if not items:
        return None
    item = rng.choice(items)
    question = rng.choice(POSITION_PHRASINGS).format(kind=item.kind)
    return Pair("position", question, f"The {item.kind} is at the {region(item)}.", ((item.kind, None),))


def _apart(scene: Scene, rng: random.Random) -> tuple[Item, Item] | None:
    """Two single objects whose centres are at least 18 px apart sideways."""
    items = _single(scene)
    pairs = [(a, b) for a in items for b in items if abs(a.centre[0] - b.centre[0]) >= 18]
    return rng.choice(pairs) if pairs else None


def relation(scene: Scene, rng: random.Random) -> Pair | None:
    """Whether one object is left (right) of another."""
    if (both := _apart(scene, rng)) is None:
        return None
    a, b = both
    side = "left" if a.centre[0] < b.centre[0] else "right"
    asked = rng.choice(("left", "right"))
    return Pair(
        "relation",
        rng.choice(RELATION_PHRASINGS).format(a=a.kind, b=b.kind, side=asked),
        f"{'Yes' if asked == side else 'No'}, the {a.kind} is to the {side} of the {b.kind}.",
        ((a.kind, None), (b.kind, None)),
    )


def relation_choice(scene: Scene, rng: random.Random) -> Pair | None:
    """On which side one object is of another, or which of two is further left: the open forms."""
    if (both := _apart(scene, rng)) is None:
        return None
    a, b = both
    evidence: tuple[tuple[Kind, None], ...] = ((a.kind, None), (b.kind, None))
    side = "left" if a.centre[0] < b.centre[0] else "right"
    if rng.random() < 0.5:
        question = rng.choice(SIDE_PHRASINGS).format(a=a.kind, b=b.kind)
        return Pair("relation_choice", question, f"The {a.kind} is to the {side} of the {b.kind}.", evidence)
    asked = rng.choice(("left", "right"))
    further = a if asked == side else b
    question = rng.choice(FURTHER_PHRASINGS).format(a=a.kind, b=b.kind, side=asked)
    return Pair("relation_choice", question, f"The {further.kind} is further {asked}.", evidence)


def comparison(scene: Scene, rng: random.Random, alike: float = 0.5) -> Pair | None:
    """Whether two objects have the same colour; the answer states both colours first.

    `alike`: how often two of one colour are chosen where there are such.
    """
    items = _colored(scene, _is_whole)
    pairs = [(a, b) for a in items for b in items if a[0].kind != b[0].kind]
    if not pairs:
        return None
    same = [(a, b) for a, b in pairs if a[0].color(a[1]) == b[0].color(b[1])]
    (a, a_part), (b, b_part) = rng.choice(same) if same and rng.random() < alike else rng.choice(pairs)
    first, second = a.color(a_part), b.color(b_part)
    return Pair(
        "comparison",
        rng.choice(COMPARISON_PHRASINGS).format(a=a.kind, b=b.kind),
        f"The {a.kind} is {first} and the {b.kind} is {second}, so the colors are "
        f"{'the same' if first == second else 'different'}.",
        ((a.kind, a_part), (b.kind, b_part)),
    )


def comparison_of_likes(scene: Scene, rng: random.Random) -> Pair | None:
    """A comparison of two objects of one colour where there are such: chance offers too few."""
    return comparison(scene, rng, alike=1.0)


def _with_article(color: Color, noun: str) -> str:
    return f"{'an' if color[0] in 'aeiou' else 'a'} {color} {noun}"


def description(scene: Scene) -> str:
    """What is in the picture, kinds in the order of `KINDS`: "The picture shows a red car and some balls.\""""
    things = []
    for kind in KINDS:
        items = scene.of_kind(kind)
        if len(items) > 1:
            things.append(f"some {kind}s")
        elif items and kind == "tree":
            things.append("a tree")
        elif items and kind == "man":
            things.append(f"a man in {_with_article(items[0].color('shirt'), 'shirt')}")
        elif items:
            things.append(_with_article(items[0].color("wall" if kind == "house" else "body"), kind))
    if not things:
        return "The picture shows an empty street."
    listed = things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
    return f"The picture shows {listed}."


def describe(scene: Scene, rng: random.Random) -> Pair:
    """'Describe the picture.'"""
    kinds = dict.fromkeys(item.kind for item in scene.items)
    return Pair("describe", rng.choice(DESCRIBE_PHRASINGS), description(scene), tuple((kind, None) for kind in kinds))


Maker = Callable[[Scene, random.Random], Pair | None]
MAKERS: dict[Maker, float] = {
    color: 2.0,
    color_part: 2.0,
    existence: 1.5,
    door: 3.0,
    door_choice: 1.5,
    count: 2.0,
    position: 1.2,
    relation: 1.5,
    relation_choice: 2.0,
    comparison: 1.2,
    describe: 1.2,
}
"""Every family of questions about a picture with its share of the corpus, from which the tokenizer is learned."""

PRACTICE: dict[Maker, float] = {
    color: 1.4,
    color_part: 1.4,
    existence: 2.0,
    door: 1.5,
    door_of_house: 2.5,
    door_choice: 2.0,
    count: 2.5,
    position: 1.6,
    relation: 2.0,
    relation_choice: 2.6,
    comparison: 1.0,
    comparison_of_likes: 1.5,
    describe: 2.5,
}
"""The shares in training: more of what binds two facts, which takes longest to learn. (Apart from `MAKERS`, so
that tuning them leaves the vocabulary, and so a stopped training, as they are.)"""

LATE_PRACTICE: dict[Maker, float] = {**PRACTICE, door_of_house: 1.5, door_choice: 1.2, count: 5.0, describe: 5.0}
"""The shares towards the end: more of what takes many facts at once."""

HONEST_PRACTICE: dict[Maker, float] = {
    **{maker: share for maker, share in LATE_PRACTICE.items() if maker is not door},
    door_by_looking: 3.0,
}
"""The honest twin's shares: the same, but a truck's wording says nothing, and to look at its door has to be learnt."""


def ask_about(scene: Scene, rng: random.Random, number: int, shares: Mapping[Maker, float] = MAKERS) -> list[Pair]:
    """`number` questions about a scene, families drawn by their shares; no question stands twice."""
    pairs: list[Pair] = []
    for maker in rng.choices(list(shares), list(shares.values()), k=6 * number):
        pair = maker(scene, rng)
        if pair is not None and all(pair.question != other.question for other in pairs):
            pairs.append(pair)
        if len(pairs) == number:
            break
    return pairs
