"""Mask some image tokens' pixels and ask the question again."""

from __future__ import annotations

from collections.abc import Callable

from ...answer import Answer, Fill
from ...causal.explanation_test import Positions, patches_of
from ...perturb.outcomes import outcomes
from ...perturb.perturbation import HiddenTokens
from ...perturb.reask import reask_under
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import TokenTarget
from .view import ReaskedWithout


def ask_without(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    positions: Positions,
    fill: Fill,
    cancel: CancelToken,
    say: Callable[[str], None],
) -> ReaskedWithout:
    """Ask again; the new answer is handed to `say` as it comes. Raises CausalError, Cancelled, QuestionError."""
    reasked = reask_under(model, answer, patches_of(answer, positions, fill), cancel=cancel, say=say)
    target = TokenTarget(token, answer.tokens[token].id)
    hidden = next(outcomes(model, answer, [target], [HiddenTokens(frozenset(positions))], cancel=cancel), None)
    if hidden is None:
        raise Cancelled("asking again was stopped")
    return ReaskedWithout(positions, fill, reasked, hidden.change)
