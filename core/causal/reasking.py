"""Mask the pixels of some image tokens and ask the question again, beside hiding the tokens from the reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..answer import Answer, Fill
from ..perturb.outcomes import outcomes
from ..perturb.perturbation import HiddenTokens
from ..perturb.reask import Reasked, reask_under
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from .explanation_test import Positions, patches_of


@dataclass(frozen=True, eq=False)
class ReaskedWithout:
    """What the model says with the pixels of some image tokens masked.

    `hidden_change` is the change of the explained token's log-probability (nats) when the image tokens are hidden from
    the reader instead.
    """

    positions: Positions
    fill: Fill
    reasked: Reasked
    hidden_change: float


def ask_without(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    positions: Positions,
    fill: Fill,
    cancel: CancelToken | None = None,
    say: Callable[[str], None] = lambda piece: None,
) -> ReaskedWithout:
    """Ask again; the new answer is handed to `say` as it comes. Raises CausalError, Cancelled, QuestionError."""
    reasked = reask_under(model, answer, patches_of(answer, positions, fill), cancel=cancel, say=say)
    target = TokenTarget(token, answer.tokens[token].id)
    hidden = next(outcomes(model, answer, [target], [HiddenTokens(frozenset(positions))], cancel=cancel), None)
    if hidden is None:
        raise Cancelled("asking again was stopped")
    return ReaskedWithout(positions, fill, reasked, hidden.change)
