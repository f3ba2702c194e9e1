"""An answer as far as some targets need it: what stands after them cannot bear on them, and need not be read."""

from __future__ import annotations

from collections.abc import Sequence

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget, check_own, token_targets_of


def until_target(model: VisionLanguageModel, answer: Answer, target: Target) -> tuple[Answer, tuple[TokenTarget, ...]]:
    """The answer as far as the target needs it, and the target's tokens.

    Raises OtherModel; NotApplicable for a target outside the answer or the vocabulary, and for a sequence that the
    model cannot read.
    """
    token_targets = token_targets_of(answer, target)
    return until_targets(model, answer, token_targets), token_targets


def until_targets(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> Answer:
    """The answer as far as some token targets need it. Raises OtherModel; NotApplicable for one outside the vocabulary,
    and for a sequence that the model cannot read."""
    check_own(model, answer)
    vocabulary = model.card.vocabulary
    if not all(0 <= token < vocabulary for target in token_targets for token in (target.token, target.rival or 0)):
        raise NotApplicable("The target names a token that the model's vocabulary does not have. Choose another word.")
    end = max((target.index for target in token_targets), default=-1) + 1
    length = len(answer.prompt_tokens) + end - 1
    if length > model.context_length:
        raise NotApplicable(
            f"Question and answer take {length:,} tokens as far as the target, and {model.card.name} reads at most "
            f"{model.context_length:,}. Choose an earlier word, or ask for a shorter answer."
        )
    return answer.until(end)
