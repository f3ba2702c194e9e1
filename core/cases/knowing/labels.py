"""What a probe is to read of a case: a column of its table, its right answer, or a fact of the drawn world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from ...errors import UnknownName
from ...street.draw import draw
from ...street.scene import COLORED_PARTS, DOOR_KINDS, KINDS, MOST_OF_A_KIND, Kind, Scene
from ..case import Case
from ..street import FAMILIES, recipe_of, street_cases

ANSWER = "answer"
"""The label that is the case's right answer."""

Truth = Bool[np.ndarray, "height width"]


@dataclass(frozen=True)
class WorldLabel:
    """A fact of a drawn scene: its value (None where the scene does not have it), and which kind and part of a thing
    show it (None where that itself would tell)."""

    value: Callable[[Scene], str | None]
    shows: tuple[Kind, str | None] | None = None


def _door(kind: Kind) -> WorldLabel:
    def value(scene: Scene) -> str | None:
        item = scene.the(kind)
        return None if item is None else item.door

    return WorldLabel(value, (kind, "door"))


def _colour(kind: Kind, part: str) -> WorldLabel:
    def value(scene: Scene) -> str | None:
        item = scene.the(kind)
        return None if item is None else item.color(part)

    return WorldLabel(value, (kind, None if part == "body" else part))


def _present(kind: Kind) -> WorldLabel:
    return WorldLabel(lambda scene: "present" if scene.count(kind) else "absent")


def _count(kind: Kind) -> WorldLabel:
    return WorldLabel(lambda scene: str(scene.count(kind)))


WORLD: Mapping[str, WorldLabel] = {
    **{f"{kind} door": _door(kind) for kind in DOOR_KINDS},
    **{
        f"{kind} colour" if part == "body" else f"{kind} {part} colour": _colour(kind, part)
        for kind, parts in COLORED_PARTS.items()
        for part in parts
    },
    **{f"{kind} present": _present(kind) for kind in KINDS},
    **{f"{kind} count": _count(kind) for kind in MOST_OF_A_KIND},
}
"""Every label of the drawn world, by name."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A case, its label, and the pixels of its first picture that show what the label is about (None where nobody
    knows)."""

    case: Case
    label: str
    shows: Truth | None


def drawn(family: str, label: str, number: int) -> Iterator[Labelled]:
    """So many drawn cases of a family of questions that have the label. Raises UnknownName."""
    if family not in FAMILIES:
        raise UnknownName(f"There is no family “{family}”. Choose among {', '.join(FAMILIES)}.")
    if label != ANSWER and label not in WORLD:
        raise UnknownName(f"The drawn world has no label “{label}”. Choose among {ANSWER}, {', '.join(WORLD)}.")
    for case in street_cases(number, [family]):
        found = _of_world(case, label)
        if found is not None:
            yield found


def _of_world(case: Case, label: str) -> Labelled | None:
    if label == ANSWER:
        return Labelled(case, case.expected[0], case.truth)
    scene = recipe_of(case).scene()
    own = WORLD[label]
    value = own.value(scene)
    if value is None:
        return None
    return Labelled(case, value, None if own.shows is None else draw(scene).mask(*own.shows))


def of_folder(cases: Sequence[Case], label: str) -> Iterator[Labelled]:
    """The cases of a folder that have the label and can be asked. Raises UnknownName where no case has it."""
    columns = dict.fromkeys(name for case in cases for name in case.about)
    if label != ANSWER and label not in columns:
        raise UnknownName(f"No case has a column “{label}”. Choose among {', '.join((ANSWER, *columns))}.")
    for case in cases:
        value = next(iter(case.expected), "") if label == ANSWER else case.about.get(label, "")
        if value.strip() and case.problem is None:
            yield Labelled(case, value.strip().casefold(), case.truth)


def decides(family: str, label: str) -> bool:
    """Whether somebody who knows the label and the question knows the right answer, so that what a probe reads can be
    held against what the model says. Of a folder's own columns nobody knows."""
    return label in (ANSWER, family)


def frequent(labelled: Sequence[Labelled], least: int) -> list[Labelled]:
    """Those whose label at least so many others share: of a rarer one no probe could be fitted."""
    counts: dict[str, int] = {}
    for one in labelled:
        counts[one.label] = counts.get(one.label, 0) + 1
    return [one for one in labelled if counts[one.label] >= least]


def with_mask(one: Labelled, size: tuple[int, int]) -> Labelled:
    """The same with the case's mask opened, which is of a picture of this (width, height). Raises UnreadableImage."""
    mask = one.case.mask
    return one if mask is None or one.shows is not None else replace(one, shows=mask.pixels(size))
