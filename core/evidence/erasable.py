"""Words of a question and patches of its pictures as things that are erased one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from ..answer import Answer, Explanation, Question
from ..perturb.perturbation import HiddenPatches
from ..perturb.prediction import Prediction
from .curves import Direction
from .modality_result import DIRECTIONS, OVER, Curves, ModalityCurve, Over
from .modality_settings import ModalitySettings
from .question_words import QuestionWord, erased
from .ranking import falling, gathered_scores, generator


@dataclass(frozen=True)
class Erased:
    """Words, by number, and patches, by position, that are erased; `all_patches` is the whole picture."""

    words: frozenset[int]
    patches: frozenset[int]
    all_patches: bool


Orders = Mapping[Over, Int[np.ndarray, "thing"]]


@dataclass(frozen=True, eq=False)
class Erasable:
    """What can be erased of an answer's question: words first, then patches, by number."""

    answer: Answer
    words: tuple[QuestionWord, ...]
    places: tuple[int, ...]
    settings: ModalitySettings

    @property
    def corners(self) -> tuple[Erased, ...]:
        """Both, picture alone, words alone, neither."""
        words, both = range(len(self.words)), range(len(self.words) + len(self.places))
        patches = range(len(self.words), len(both))
        return self.state([]), self.state(words), self.state(patches), self.state(both)

    def numbers(self, over: Over) -> Int[np.ndarray, "thing"]:
        """The things that one test is over."""
        words, patches = len(self.words), len(self.places)
        return {
            "words": np.arange(words),
            "patches": np.arange(words, words + patches),
            "both": np.arange(words + patches),
        }[over]

    def orders(self, explanation: Explanation) -> Orders:
        """The things from the highest score to the lowest; of patches alone where no word has a score."""
        known = np.nan_to_num(explanation.scores.double().numpy(), nan=0.0)
        of_words = np.array([known[list(word.positions)].sum() for word in self.words])
        scores = np.concatenate([of_words, gathered_scores(explanation, self.answer.layout, self.places)])
        tested: tuple[Over, ...] = OVER if of_words.any() else ("patches",)
        return self._ordered(scores, tested, 0)

    def drawn(self, draw: int, tested: Sequence[Over]) -> Orders:
        """A random order of the same things."""
        rng = generator(self.answer, self.settings.seed, 1 + draw)
        return self._ordered(rng.random(len(self.words) + len(self.places)), tested, 1 + draw)

    def _ordered(self, scores: Float[np.ndarray, "thing"], tested: Sequence[Over], draw: int) -> Orders:
        orders = {}
        for over in tested:
            numbers = self.numbers(over)
            orders[over] = numbers[falling(scores[numbers], generator(self.answer, self.settings.seed, draw))]
        return orders

    def counts(self, over: Over) -> tuple[int, ...]:
        """How many things the points of a curve take: none, all, and equal steps between."""
        total, steps = len(self.numbers(over)), self.settings.steps
        return tuple(sorted({round(total * k / steps) for k in range(steps + 1)}))

    def states(self, every: Sequence[Orders]) -> Iterator[Erased]:
        """What the curves of some orders need, point by point for all of them."""
        for over, direction in product(every[0], DIRECTIONS):
            for count in self.counts(over):
                yield from (self.point(orders[over], direction, count) for orders in every)

    def point(self, order: Int[np.ndarray, "thing"], direction: Direction, count: int) -> Erased:
        gone = order[:count] if direction == "deletion" else order[count:]
        return self.state(gone.tolist())

    def state(self, gone: Sequence[int]) -> Erased:
        own = frozenset(number for number in gone if number < len(self.words))
        patches = frozenset(self.places[number - len(self.words)] for number in gone if number >= len(self.words))
        return Erased(own, patches, len(patches) == len(self.places))

    def question(self, state: Erased) -> Question:
        """The question as it is asked then."""
        patches = frozenset[int]() if state.all_patches else state.patches
        hidden = HiddenPatches(patches, self.settings.patches_become, shown=state.all_patches)
        seen = self.answer.question if hidden.empty else hidden.of(self.answer.question, self.answer.layout)
        return erased(seen, self.words, state.words, self.settings.erased_words)

    def curves(self, orders: Orders, readings: Mapping[Erased, Prediction]) -> Curves:
        """The curves of one set of orders, from what was read."""

        def value(order: Int[np.ndarray, "thing"], direction: Direction, count: int) -> float:
            state = self.point(order, direction, count)
            return readings[state].per_token if state in readings else math.nan

        return tuple(
            ModalityCurve(
                over,
                direction,
                len(order),
                self.counts(over),
                np.array([value(order, direction, count) for count in self.counts(over)]),
            )
            for over, order in orders.items()
            for direction in DIRECTIONS
        )
