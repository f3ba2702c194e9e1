"""Ask again with something taken away: what the model says then, and how likely it still finds what it said before.

The two tell different things. A new answer may open with another word and go its own way from there; the original
answer's tokens, read under the same change with the words before each of them forced, say token by token what rested on
what is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from ..alignment import Aligned, align
from ..answer import Answer, Fill, Question, RegionMask, Target
from ..errors import WrongMask
from ..images import ImageLike, as_mask
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.generation import ask
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, checkpoint_bytes, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget, check_own, token_targets_of, whole_answer
from .outcomes import outcomes
from .perturbation import HiddenPixels, NetworkPerturbation, Perturbation, PixelPerturbation
from .prediction import Outcome, Prediction, predict

Say = Callable[[str], None]
"""Is handed the new answer piece by piece, as it is written."""


@dataclass(frozen=True, eq=False)
class Reasked:
    """What a model says with something taken away: its new `answer`, and in `outcome` what becomes of each token of the
    original one, read so. `contrast` is what becomes of a target with rivals, where one was asked for."""

    original: Answer
    answer: Answer
    outcome: Outcome
    seconds: float
    contrast: Outcome | None = None

    @property
    def aligned(self) -> tuple[Aligned, ...]:
        """The tokens of both answers in columns, original and new."""
        return align([token.text for token in self.original.tokens], [token.text for token in self.answer.tokens])

    def of(self, target: Target) -> Outcome | None:
        """What becomes of a target; None for a contrast that was not asked for."""
        wanted = token_targets_of(self.original, target)
        if target.rivals is None:
            return self.outcome.of(wanted)
        return self.contrast if self.contrast and self.contrast.before.token_targets == wanted else None


def reask(
    model: VisionLanguageModel,
    answer: Answer,
    mask: Bool[np.ndarray, "height width"] | ImageLike,
    fill: Fill = "black",
    *,
    image: int = 0,
    cancel: CancelToken | None = None,
    say: Say = lambda piece: None,
) -> Reasked:
    """Hide pixels of picture `image` and ask the same question again: same words, history and decoding.

    `mask` is true where pixels are hidden: an array of the picture's height and width, or a picture or file whose
    opaque or white pixels are hidden (`core.images.as_mask`). Masks that the question has already stay. Raises
    WrongMask for a mask of another size and a picture that there is not, UnreadableImage, and what `reask_under`
    raises.
    """
    hidden = mask if isinstance(mask, np.ndarray) else as_mask(mask)
    images = len(answer.question.images)
    if not 0 <= image < images:
        there = "has no picture" if not images else f"has {images} picture{'s' if images > 1 else ''}"
        raise WrongMask(f"There is no picture {image + 1} to mask: the question {there}.")
    return reask_under(model, answer, HiddenPixels((RegionMask(hidden, fill, image),)), cancel=cancel, say=say)


@with_what_is_left
def reask_under(
    model: VisionLanguageModel,
    answer: Answer,
    perturbation: Perturbation,
    *,
    target: Target | None = None,
    cancel: CancelToken | None = None,
    say: Say = lambda piece: None,
) -> Reasked:
    """Ask the same question again with whatever is taken away. Of a `target` with rivals the contrast is read, too.

    Edits hold at the positions that they name, in the new answer as soon as there is something at them. Raises
    OtherModel, Cancelled, QuestionError; ValueError for pixels, positions, layers and heads that are not there; and for
    a change of the network NotApplicable where the answer is empty, and NotEnoughMemory.
    """
    check_own(model, answer)
    began = time.perf_counter()
    every = tuple(TokenTarget(index, token.id) for index, token in enumerate(answer.tokens))
    contrast = () if target is None or target.rivals is None else token_targets_of(answer, target)
    token_targets = (*every, *contrast)
    if isinstance(perturbation, PixelPerturbation):
        other, outcome = _over_images(model, answer, token_targets, perturbation, cancel, say)
    else:
        assert isinstance(perturbation, NetworkPerturbation)
        whole_answer(answer)
        other, outcome = _under_edits(model, answer, token_targets, perturbation, cancel, say)
    seconds = time.perf_counter() - began
    return Reasked(answer, other, outcome.of(every), seconds, outcome.of(contrast) if contrast else None)


def with_contrast(
    model: VisionLanguageModel, reasked: Reasked, target: Target, cancel: CancelToken | None = None
) -> Reasked:
    """A re-ask with what becomes of a target with rivals, which is read now. Raises OtherModel, Cancelled, and
    NotApplicable for a rival outside the vocabulary."""
    check_own(model, reasked.original)
    token_targets = token_targets_of(reasked.original, target)
    for outcome in outcomes(model, reasked.original, token_targets, [reasked.outcome.perturbation], cancel=cancel):
        return replace(reasked, contrast=outcome)
    raise Cancelled


def _over_images(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    perturbation: PixelPerturbation,
    cancel: CancelToken | None,
    say: Say,
) -> tuple[Answer, Outcome]:
    question = perturbation.of(answer.question, answer.layout)
    before = _predicted(model, answer, answer.question, token_targets)
    other = _asked(model, question, cancel, say, keep_attention=True)
    # What was read of the pictures to answer is kept: only the answer itself has to be read after it.
    return other, Outcome(perturbation, before, _predicted(model, answer, question, token_targets))


def _under_edits(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    perturbation: NetworkPerturbation,
    cancel: CancelToken | None,
    say: Say,
) -> tuple[Answer, Outcome]:
    needed = checkpoint_bytes(model, answer) + pass_bytes(model, answer)
    check_memory("This intervention", needed, model, "Use a smaller picture, or ask for a shorter answer.")
    longest = len(answer.prompt_tokens) + answer.question.decoding.max_new_tokens
    with model.edited(perturbation.edits(answer, longest)):
        other = _asked(model, answer.question, cancel, say, keep_attention=False)
    (outcome,) = outcomes(model, answer, token_targets, [perturbation])
    return other, outcome


def _asked(
    model: VisionLanguageModel, question: Question, cancel: CancelToken | None, say: Say, *, keep_attention: bool
) -> Answer:
    """The answer. Raises Cancelled where it was stopped before its end."""
    answer = ask(model, question, cancel=cancel, keep_attention=keep_attention, say=say)
    if cancel is not None:
        cancel.check()
    return answer


def _predicted(
    model: VisionLanguageModel, answer: Answer, question: Question, token_targets: Sequence[TokenTarget]
) -> Prediction:
    """What a question makes the model predict in the places of an answer's tokens."""
    (logits,) = model.continuation_logits([model.prepare(question)], [answer.token_ids])
    return predict(logits, token_targets)
