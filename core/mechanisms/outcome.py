"""What becomes of a target under edits: the one measure that knockout, ablation and tracing share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Intervention, Target
from ..vlm.cancel import CancelToken
from ..vlm.costs import check_memory, pass_bytes, tape_bytes
from ..vlm.edits import Edits
from ..vlm.model import VisionLanguageModel
from ..vlm.tape import DecoderTape
from ..vlm.units import NotApplicable, Unit, check_own, unit_logprobs, units_of, whole

AT_ONCE = 32
"""Most sets of edits in one batch, so that a stop is heard soon."""


@dataclass(frozen=True)
class Outcome:
    """A target's log-probability in nats (summed over its tokens; for a contrast less that of the rivals), the
    probability of its tokens, and for each of them the token that is most probable in its place."""

    logprob: float
    probability: float
    top: tuple[int, ...]


def outcome(logits: Float[Tensor, "answer vocabulary"], units: Sequence[Unit]) -> Outcome:
    """What these logits say of the units."""
    logprobs = logits[[unit.index for unit in units]].float().log_softmax(-1)
    said = logprobs[range(len(units)), [unit.token for unit in units]].sum()
    rivals = [(row, unit.rival) for row, unit in enumerate(units) if unit.rival is not None]
    against = sum(float(logprobs[row, rival]) for row, rival in rivals)
    return Outcome(float(said) - against, float(said.exp()), tuple(logprobs.argmax(-1).tolist()))


def prepared_for(model: VisionLanguageModel, answer: Answer, target: Target) -> tuple[Answer, tuple[Unit, ...]]:
    """The answer as far as the target needs it, and the target's units.

    Raises OtherModel; NotApplicable for a target outside the answer or the vocabulary, and for a sequence that the
    model cannot read.
    """
    check_own(model, answer)
    units = units_of(answer, target)
    vocabulary = model.card.vocabulary
    if not all(0 <= token < vocabulary for unit in units for token in (unit.token, unit.rival or 0)):
        raise NotApplicable("The target names a token that the model's vocabulary does not have. Choose another word.")
    end = max(unit.index for unit in units) + 1
    length = len(answer.prompt_tokens) + end
    if length - 1 > model.context_length:
        raise NotApplicable(
            f"Question and answer take {length - 1:,} tokens as far as the target, and {model.card.name} reads at most "
            f"{model.context_length:,}. Choose an earlier word, or ask for a shorter answer."
        )
    layout = replace(answer.layout, kinds=answer.layout.kinds[:length])
    return replace(answer, tokens=answer.tokens[:end], layout=layout, attention=None), units


def intervene(model: VisionLanguageModel, answer: Answer, edits: Edits, description: str) -> Intervention:
    """The log-probabilities of all of an answer's tokens under edits, teacher-forced, beside those without.

    Raises OtherModel, NotApplicable for an empty answer, NotEnoughMemory, ValueError for what the model does not have.
    """
    check_own(model, answer)
    units = units_of(answer, whole(answer))
    needed = tape_bytes(model, answer) + pass_bytes(model, answer)
    check_memory("This intervention", needed, model, "Use a smaller picture, or ask for a shorter answer.")
    before, after = (unit_logprobs(logits, units).numpy() for logits in model.logits_with(answer, [(), edits]))
    return Intervention(description, before, after)


def outcomes(
    model: VisionLanguageModel,
    answer: Answer,
    units: Sequence[Unit],
    sets: Iterable[Edits],
    tape: DecoderTape,
    *,
    cancel: CancelToken | None = None,
) -> Iterator[Outcome]:
    """The outcome of each set of edits of a tape's pass, in order; `sets` is drawn from as batches are filled. Sets
    whose first layers are near each other belong together. Ends early when stopped."""
    waiting = iter(sets)
    at_once = min(AT_ONCE, model.edits_at_once(answer, tape.start))
    while batch := list(islice(waiting, at_once)):
        if cancel is not None and cancel.cancelled:
            return
        with torch.no_grad():
            for logits in model.logits_with(answer, batch, tape):
                yield outcome(logits, units)
