"""What becomes of a target under edits: the one measure that knockout, ablation and tracing share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Intervention, Target
from ..errors import NotApplicable
from ..vlm.cancel import CancelToken
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Edits
from ..vlm.memory_costs import check_memory, checkpoint_bytes, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget, check_own, target_logprobs, token_targets_of, whole_answer

AT_ONCE = 32
"""Most sets of edits in one batch, so that a stop is heard soon."""


@dataclass(frozen=True)
class Outcome:
    """A target's log-probability in nats (summed over its tokens; for a contrast less that of the rivals), the
    probability of its tokens, and for each of them the token that is most probable in its place."""

    logprob: float
    probability: float
    top: tuple[int, ...]


def outcome(logits: Float[Tensor, "answer vocabulary"], token_targets: Sequence[TokenTarget]) -> Outcome:
    """What these logits say of the token targets."""
    logprobs = logits[[token_target.index for token_target in token_targets]].float().log_softmax(-1)
    said = logprobs[range(len(token_targets)), [token_target.token for token_target in token_targets]].sum()
    rivals = [
        (row, token_target.rival) for row, token_target in enumerate(token_targets) if token_target.rival is not None
    ]
    against = sum(float(logprobs[row, rival]) for row, rival in rivals)
    return Outcome(float(said) - against, float(said.exp()), tuple(logprobs.argmax(-1).tolist()))


def prepared_for(model: VisionLanguageModel, answer: Answer, target: Target) -> tuple[Answer, tuple[TokenTarget, ...]]:
    """The answer as far as the target needs it, and the token targets.

    Raises OtherModel; NotApplicable for a target outside the answer or the vocabulary, and for a sequence that the
    model cannot read.
    """
    check_own(model, answer)
    token_targets = token_targets_of(answer, target)
    vocabulary = model.card.vocabulary
    if not all(
        0 <= token < vocabulary
        for token_target in token_targets
        for token in (token_target.token, token_target.rival or 0)
    ):
        raise NotApplicable("The target names a token that the model's vocabulary does not have. Choose another word.")
    end = max(token_target.index for token_target in token_targets) + 1
    length = len(answer.prompt_tokens) + end
    if length - 1 > model.context_length:
        raise NotApplicable(
            f"Question and answer take {length - 1:,} tokens as far as the target, and {model.card.name} reads at most "
            f"{model.context_length:,}. Choose an earlier word, or ask for a shorter answer."
        )
    return answer.until(end), token_targets


def intervene(model: VisionLanguageModel, answer: Answer, edits: Edits, description: str) -> Intervention:
    """The log-probabilities of all of an answer's tokens under edits, teacher-forced, beside those without.

    Raises OtherModel, NotApplicable for an empty answer, NotEnoughMemory, ValueError for what the model does not have.
    """
    check_own(model, answer)
    token_targets = token_targets_of(answer, whole_answer(answer))
    needed = checkpoint_bytes(model, answer) + pass_bytes(model, answer)
    check_memory("This intervention", needed, model, "Use a smaller picture, or ask for a shorter answer.")
    before, after = (
        target_logprobs(logits, token_targets).numpy() for logits in model.logits_with(answer, [(), edits])
    )
    return Intervention(description, before, after)


def outcomes(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    sets: Iterable[Edits],
    checkpoints: DecoderPass,
    *,
    cancel: CancelToken | None = None,
) -> Iterator[Outcome]:
    """The outcome of each set of edits of a checkpointed pass, in order; `sets` is drawn from as batches are
    filled. Sets whose first layers are near each other belong together. Ends early when stopped."""
    waiting = iter(sets)
    at_once = min(AT_ONCE, model.edits_at_once(answer, checkpoints.start))
    while batch := list(islice(waiting, at_once)):
        if cancel is not None and cancel.cancelled:
            return
        with torch.no_grad():
            for logits in model.logits_with(answer, batch, checkpoints):
                yield outcome(logits, token_targets)
