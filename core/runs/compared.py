"""Two runs beside each other: which question of one stands by which of the other, and what was said to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..alignment import align
from ..answer import Answer, Target
from .manifest import TurnSummary


@dataclass(frozen=True)
class Pair:
    """A question of each run; None where the other one has none in its place."""

    one: TurnSummary | None
    other: TurnSummary | None

    @property
    def same_question(self) -> bool:
        """Whether both ask in the same words, whatever the case and the blanks."""
        return self.one is not None and self.other is not None and _plain(self.one) == _plain(self.other)

    @property
    def same_answer(self) -> bool:
        """Whether both have an answer, and it reads the same."""
        answers = [
            None if turn is None or turn.answer is None else turn.answer.strip() for turn in (self.one, self.other)
        ]
        return answers[0] is not None and answers[0] == answers[1]


def paired(one: Sequence[TurnSummary], other: Sequence[TurnSummary]) -> tuple[Pair, ...]:
    """The questions of two conversations in their order, each once: those in the same words beside each other, as many
    as the order allows."""
    columns = align([_plain(turn) for turn in one], [_plain(turn) for turn in other])
    return tuple(
        Pair(
            None if column.original is None else one[column.original],
            None if column.other is None else other[column.other],
        )
        for column in columns
    )


def _plain(turn: TurnSummary) -> str:
    return " ".join(turn.question.casefold().split())


@dataclass(frozen=True)
class Figure:
    """What an answer gives its target, in nats: the log-probability of its tokens together, or of a contrast the
    log-odds against the rivals. `value` is None where a rival was not among the alternatives that were kept."""

    measure: Literal["log-probability", "log-odds"]
    value: float | None


def figure_of(answer: Answer, target: Target | None) -> Figure:
    """The figure of a target, or of the whole answer where there is none, as it was when the answer was given."""
    tokens = range(len(answer.tokens)) if target is None else target.tokens
    total = sum(answer.tokens[index].logprob for index in tokens)
    if target is None or target.rivals is None:
        return Figure("log-probability", total)
    for index, rival in zip(target.tokens, target.rivals, strict=True):
        known = {other.id: other.logprob for other in answer.tokens[index].alternatives}
        if rival not in known:
            return Figure("log-odds", None)
        total -= known[rival]
    return Figure("log-odds", total)


def changes(one: Answer, other: Answer) -> tuple[tuple[int | None, int | None, float | None], ...]:
    """The tokens of two answers in columns: the index in each, and the change of the log-probability (nats) from one to
    the other where the same token stands in both."""
    columns = align([token.text for token in one.tokens], [token.text for token in other.tokens])
    return tuple(
        (
            column.original,
            column.other,
            other.tokens[column.other].logprob - one.tokens[column.original].logprob
            if column.same and column.original is not None and column.other is not None
            else None,
        )
        for column in columns
    )
