"""What work costs, counted in forward passes: before it begins, on any machine.

The unit is one pass of the decoder over an answer's whole sequence. Rows that are left out cost nothing: a pass over
the rows after the picture alone is a part of one. How long a pass takes here, `pace.py` knows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..answer import Answer
from .edits import first_after_images
from .model import ModelCard
from .pace import pass_work

BACKWARD = 1.6
"""A gradient goes down through a layer in about so many times a pass's share of it (`benchmarks.size`)."""


@dataclass(frozen=True)
class Passes:
    """Work in passes over one answer. `forward` are passes of the decoder, its layers computed again included;
    `backward` gradients brought down through all layers, each target its own; `tower` passes of the vision tower, and
    `backward_tower` gradients through it; `pictures` how often the pictures are made ready for it; `beside` what takes
    as long as so many passes and is none, such as products with the vocabulary."""

    forward: float = 0.0
    backward: float = 0.0
    tower: float = 0.0
    backward_tower: float = 0.0
    pictures: float = 0.0
    beside: float = 0.0

    def __add__(self, other: Passes) -> Passes:
        return Passes(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __mul__(self, times: float) -> Passes:
        return Passes(*(getattr(self, each.name) * times for each in fields(self)))

    __rmul__ = __mul__

    @property
    def decoder(self) -> float:
        """In passes of the decoder, as far as it is the decoder's."""
        return self.forward + BACKWARD * self.backward + self.beside

    @property
    def of_tower(self) -> float:
        """In passes of the tower, as far as it is the tower's."""
        return self.tower + BACKWARD * self.backward_tower

    @property
    def count(self) -> float:
        """How many passes that is, as it is told: those of the decoder, or of the tower where these are more."""
        return max(self.decoder, self.of_tower)


NOTHING = Passes()


def over_images(times: float) -> Passes:
    """So many whole passes, each over pictures of its own."""
    return Passes(forward=times, tower=times, pictures=times)


def rows(answer: Answer) -> int:
    """How many rows a whole pass over an answer has: its last token is said and not read."""
    return max(1, len(answer.layout) - (1 if answer.tokens else 0))


def share_after(answer: Answer, start: int) -> float:
    """The share of a pass that the rows from position `start` on are."""
    return max(0, rows(answer) - start) / rows(answer)


def share_after_images(answer: Answer) -> float:
    """The share of a pass that the rows after the last image token are."""
    return share_after(answer, first_after_images(answer))


SOFTMAX = 64
"""Exponentials and sums over a distribution take about as long as so many multiplications for each word."""


def vocabulary_passes(card: ModelCard, answer: Answer, states: float, width: int | None = None) -> float:
    """What products of so many states, of `width` numbers each (None: the hidden size), with the whole unembedding and
    a softmax of them take, in passes: the multiplications of the one over those of the other."""
    work = states * card.vocabulary * ((card.hidden if width is None else width) + SOFTMAX)
    return work / pass_work(card.layers, card.hidden, rows(answer))
