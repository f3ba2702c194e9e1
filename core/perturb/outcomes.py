"""What becomes of some tokens of an answer when something is taken away: one way for everybody who wants to know.

Perturbations are drawn as they can be read, so that there may be very many of them, and their outcomes come in order,
one by one; whoever has enough may leave at any time. Pictures are changed and read anew, several in one pass; under
edits of the network one checkpointed pass of the answer is run on, many sets of edits in one batch: both as many as
memory allows. What nothing was taken from is read with them, in the same way, and perturbations that say the same are
read once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import groupby

import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..masking import Canvas, as_seen
from ..vlm.cancel import CancelToken
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Edits, first_position
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget, check_own, token_targets_of
from .perturbation import HiddenPixels, NetworkEdits, NetworkPerturbation, Perturbation, PixelPerturbation
from .prediction import Outcome, Prediction, predict

AT_ONCE = 32
"""Most sets of edits in one batch: more gain nothing, and a stop has to wait for them."""

Logits = Float[Tensor, "answer vocabulary"]


def outcomes(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    perturbations: Iterable[Perturbation],
    *,
    checkpoints: DecoderPass | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Iterator[Outcome]:
    """The outcome of each perturbation, in order.

    `perturbations` are drawn from as batches are filled. Those of one kind belong together, and edits whose first
    layers are near each other. Edits are of the network as it is, or of what left `checkpoints`, a pass of the answer
    until its last target (`until_target`), for instance one over a corrupted picture. `progress` is told the share
    done, where `perturbations` has a length.

    Stopped by `cancel`, it ends after the outcome that it is at: what came before is kept. Raises OtherModel;
    NotApplicable for a target outside the vocabulary, and for a sequence that the model cannot read; and, when it comes
    to them, ValueError for pixels, positions, layers and heads that are not there, NotApplicable where a layer has no
    part that an edit names.
    """
    answer = _until(model, answer, token_targets)
    return _Reader(model, answer, tuple(token_targets), checkpoints).outcomes(perturbations, cancel, progress)


def until_target(model: VisionLanguageModel, answer: Answer, target: Target) -> tuple[Answer, tuple[TokenTarget, ...]]:
    """The answer as far as the target needs it, and the target's tokens.

    Raises OtherModel; NotApplicable for a target outside the answer or the vocabulary, and for a sequence that the
    model cannot read.
    """
    token_targets = token_targets_of(answer, target)
    return _until(model, answer, token_targets), token_targets


def sets_at_once(model: VisionLanguageModel, answer: Answer, start: int) -> int:
    """How many sets of edits that touch nothing before `start` are read in one batch."""
    return min(AT_ONCE, model.edits_at_once(answer, start))


def _until(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> Answer:
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


def _read_as(perturbation: Perturbation) -> Perturbation:
    """What is read for it."""
    return _nothing(perturbation) if perturbation.empty else perturbation


def _nothing(perturbation: Perturbation) -> Perturbation:
    """What takes nothing away, and is read as this one is."""
    return HiddenPixels(()) if isinstance(perturbation, PixelPerturbation) else NetworkEdits(())


class _Reader:
    """The predictions of one answer's tokens, as far as somebody still waits for them."""

    def __init__(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: tuple[TokenTarget, ...],
        checkpoints: DecoderPass | None,
    ) -> None:
        self._model, self._answer, self._token_targets = model, answer, token_targets
        self._given = checkpoints
        self._own: DecoderPass | None = None
        self._known: dict[Perturbation, Prediction] = {}
        self._waiting: deque[Perturbation] = deque()

    def outcomes(
        self, perturbations: Iterable[Perturbation], cancel: CancelToken | None, progress: Callable[[float], None]
    ) -> Iterator[Outcome]:
        total = len(perturbations) if isinstance(perturbations, Sized) else 0
        if cancel is not None and cancel.cancelled:
            return
        for done, outcome in enumerate(self._in_order(perturbations), start=1):
            if total:
                progress(done / total)
            yield outcome
            if cancel is not None and cancel.cancelled:
                return

    def _in_order(self, perturbations: Iterable[Perturbation]) -> Iterator[Outcome]:
        """The outcomes in the order of asking, each as soon as it is known."""
        for perturbation, logits in self._read(self._new(perturbations)):
            self._known[perturbation] = predict(logits, self._token_targets)
            yield from self._due()
        yield from self._due()

    def _new(self, perturbations: Iterable[Perturbation]) -> Iterator[Perturbation]:
        """What is to be read: nothing taken away first, and then each perturbation that was not asked for before."""
        asked: set[Perturbation] = set()
        for perturbation in perturbations:
            self._waiting.append(perturbation)
            for wanted in (_nothing(perturbation), _read_as(perturbation)):
                if wanted not in asked:
                    if wanted.by_content:
                        asked.add(wanted)
                    yield wanted

    def _due(self) -> Iterator[Outcome]:
        """The outcomes of the perturbations that have waited longest, as far as they are known."""
        while self._waiting and (wanted := _read_as(self._waiting[0])) in self._known:
            perturbation = self._waiting.popleft()
            after = self._known[wanted] if wanted.by_content else self._known.pop(wanted)
            yield Outcome(perturbation, self._known[_nothing(perturbation)], after)

    def _read(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[Perturbation, Logits]]:
        for of_pixels, group in groupby(perturbations, lambda one: isinstance(one, PixelPerturbation)):
            read = self._over_images if of_pixels else self._under_edits
            yield from read(group)

    def _over_images(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[Perturbation, Logits]]:
        canvas, drawn = Canvas(as_seen(self._answer.question)), deque[Perturbation]()

        def images() -> Iterator[Sequence[Image]]:
            for perturbation in perturbations:
                assert isinstance(perturbation, PixelPerturbation)
                drawn.append(perturbation)
                yield perturbation.painted(canvas, self._answer.layout)

        for logits in self._model.logits_of_images(self._answer, images()):
            yield drawn.popleft(), logits

    def _under_edits(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[Perturbation, Logits]]:
        for batch, sets in self._batches(perturbations):
            checkpoints = self._checkpoints(sets)
            edited = [edits for edits in sets if edits]
            with torch.no_grad():
                logits = iter(self._model.logits_with(self._answer, edited, checkpoints))
                # What the pass itself left needs no run.
                untouched = self._model.logits_with(self._answer, [()], checkpoints) if len(edited) < len(sets) else []
            for perturbation, edits in zip(batch, sets, strict=True):
                yield perturbation, next(logits) if edits else untouched[0]

    def _batches(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[list[Perturbation], list[Edits]]]:
        """As many as are read at once, with their edits."""
        batch: list[Perturbation] = []
        sets: list[Edits] = []
        start = at_once = 0
        for perturbation in perturbations:
            assert isinstance(perturbation, NetworkPerturbation)
            batch.append(perturbation)
            sets.append(perturbation.edits(self._answer))
            if len(batch) == 1 or self._start(sets[-1:]) < start:
                start = self._start(sets)
                at_once = sets_at_once(self._model, self._answer, start)
            if len(batch) >= at_once:
                yield batch, sets
                batch, sets = [], []
        if batch:
            yield batch, sets

    def _start(self, sets: Sequence[Edits]) -> int:
        """The first row that has to be read for some sets of edits."""
        if self._given is not None:
            return self._given.start
        last = len(self._answer.prompt_tokens) - 1
        return min(last, *(first_position(edits, last) for edits in sets))

    def _checkpoints(self, sets: Sequence[Edits]) -> DecoderPass:
        """A pass whose rows begin no later than the edits."""
        if self._given is not None:
            return self._given
        start = self._start(sets)
        if self._own is None or self._own.start > start:
            self._own = self._model.checkpointed(self._answer, start)
        return self._own
