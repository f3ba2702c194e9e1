"""What pushes along a label's direction do, beside random directions: plain values, as a summary keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...probes.choosing import best_layers, halves
from ...statistics.clustered import mean_over_groups
from ...statistics.estimate import Estimate
from ...typed import typed
from ..journal import Record
from .words import Words

WHOLE = 1.0
"""The dose that the rule speaks of: the whole difference between the means of the two values."""
BEFORE = 0.5
"""The share of pushes that a likelier word follows with nothing added: pushed both ways, it follows one of them."""


@dataclass(frozen=True)
class Line:
    """One case: the log-odds (nats) of the second value's word against the first's, before, and by layer, dose and
    direction (the label's own first). Or the `problem` that kept it from being measured."""

    case: str
    picture: str = ""
    before: float = 0.0
    log_odds: tuple[tuple[tuple[float, ...], ...], ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Dose:
    """One dose in one layer: the mean `change` of the log-odds (nats), and the least and the most mean change by a
    random direction of the same length. `follows`: the share of cases whose likelier word is then the one that the push
    goes towards; `random_follows` the most of any random direction."""

    layer: int
    dose: float
    change: Estimate
    random: tuple[float, float]
    follows: Estimate
    random_follows: float


@dataclass(frozen=True)
class Push:
    """A whole dose both ways, in the best layer, chosen for each half of the pictures by the other half. `change` is
    half the difference of the log-odds between the two pushes, `follows` the share of pushes that the likelier word
    follows; each with the most that any random direction reaches in the same way."""

    layers: tuple[int, ...]
    change: Estimate
    random: float
    follows: Estimate
    random_follows: float


@dataclass(frozen=True)
class Side:
    """What the push does to other questions: of `count`, how many answers change under the label's direction and under
    a random one, and the share that is right before and after."""

    family: str
    count: int
    changed: Estimate
    random_changed: Estimate
    right: Estimate
    right_after: Estimate


@dataclass(frozen=True)
class Vectors:
    """The directions, by layer, for questions that ask for these words: the first where the label has its first value,
    the second where it has its second."""

    asked: Words
    by_layer: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Steering:
    """Pushes along the direction of a label, found at the place `found_at` over half of the pictures, added to the
    states at the place `at`, and measured on the others. `values` are the label's two; `direction_of` names the cases
    that the direction was found over where these are others, with the same two values ("" otherwise). `vectors` are the
    directions, apart for each two words that questions ask for."""

    model: str
    model_name: str
    of: str
    label: str
    found_at: str
    at: str
    values: tuple[str, ...]
    direction_of: str
    cases: int
    used: int
    doses: tuple[Dose, ...]
    best: Push
    sides: tuple[Side, ...]
    vectors: tuple[Vectors, ...]

    def vector(self, asked: Words, layer: int) -> Float[np.ndarray, "hidden"] | None:
        """The direction of a layer for questions that ask for these words; None where it has none."""
        own = next((one for one in self.vectors if one.asked == asked), None)
        return None if own is None else np.array(own.by_layer[layer])


@dataclass(frozen=True)
class Subject:
    """Of what the lines are: see `Steering`."""

    model: str
    model_name: str
    of: str
    label: str
    found_at: str
    at: str
    values: tuple[str, ...]
    direction_of: str


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none."""
    return typed(Line, record)


def steering(
    subject: Subject,
    lines: Sequence[Line],
    cases: int,
    strengths: Sequence[float],
    directions: Mapping[Words, Float[np.ndarray, "layer hidden"]],
) -> Steering:
    """The figures of the measured cases, of which there must be one, without side effects. `strengths` are the doses,
    a whole one each way among them."""
    used = [line for line in lines if line.problem is None]
    before = np.array([line.before for line in used])
    after = np.array([line.log_odds for line in used])  # case, layer, dose, direction
    every: Mapping[str, int] = {name: number for number, name in enumerate(dict.fromkeys(one.picture for one in used))}
    pictures = np.array([every[line.picture] for line in used])
    return Steering(
        **{name: getattr(subject, name) for name in Subject.__dataclass_fields__},
        cases=cases,
        used=len(used),
        doses=tuple(
            _dose(layer, dose, before, after[:, layer, number], pictures)
            for layer in range(after.shape[1])
            for number, dose in enumerate(strengths)
        ),
        best=_push(after, list(strengths), pictures),
        sides=(),
        vectors=tuple(
            Vectors(asked, tuple(tuple(float(number) for number in vector) for vector in own))
            for asked, own in directions.items()
        ),
    )


def _follows(log_odds: Float[np.ndarray, "*any"], dose: float) -> Float[np.ndarray, "*any"]:
    return (log_odds * np.sign(dose) > 0).astype(float)


def _dose(
    layer: int,
    dose: float,
    before: Float[np.ndarray, "case"],
    after: Float[np.ndarray, "case direction"],
    pictures: np.ndarray,
) -> Dose:
    change, follows = after - before[:, None], _follows(after, dose)
    by_chance = change[:, 1:].mean(0)
    return Dose(
        layer=layer,
        dose=dose,
        change=mean_over_groups(change[:, 0], pictures, "nats"),
        random=(float(by_chance.min()), float(by_chance.max())),
        follows=mean_over_groups(follows[:, 0], pictures),
        random_follows=float(follows[:, 1:].mean(0).max()),
    )


def _push(after: Float[np.ndarray, "case layer dose direction"], strengths: list[float], pictures: np.ndarray) -> Push:
    towards, away = (after[:, :, strengths.index(dose)] for dose in (WHOLE, -WHOLE))
    change, half = (towards - away) / 2, halves(pictures)
    follows = (_follows(towards, WHOLE) + _follows(away, -WHOLE)) / 2
    changes, layers = best_layers(change[..., 0].T, half)
    followed = np.where(half, follows[:, layers[0], 0], follows[:, layers[1], 0])
    chance = range(1, after.shape[3])
    return Push(
        layers=layers,
        change=mean_over_groups(changes, pictures, "nats"),
        random=max(float(best_layers(change[..., one].T, half)[0].mean()) for one in chance),
        follows=mean_over_groups(followed, pictures),
        random_follows=max(float(best_layers(follows[..., one].T, half)[0].mean()) for one in chance),
    )
