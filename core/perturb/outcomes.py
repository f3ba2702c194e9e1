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
from functools import cached_property, partial
from itertools import count, groupby, islice

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..masking import Canvas, as_seen
from ..vlm.batch_size import beside_others, in_smaller_batches
from ..vlm.cancel import Cancelled, CancelToken, heard_between
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Edits, first_position
from ..vlm.model import Pictures, VisionLanguageModel
from ..vlm.targets import TokenTarget
from .perturbation import HiddenPixels, NetworkEdits, NetworkPerturbation, Perturbation, PixelPerturbation
from .prediction import Outcome, Prediction, predict_each
from .until import until_targets

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
    first: int = 0,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Iterator[Outcome]:
    """The outcome of each perturbation, in order: those of an `OutcomeReader` that is asked once. The `first` so many
    changed pictures are read in a batch of their own, for whoever cannot wait for a full one."""
    return OutcomeReader(model, answer, token_targets, checkpoints, first).outcomes(perturbations, cancel, progress)


def sets_at_once(model: VisionLanguageModel, answer: Answer, start: int) -> int:
    """How many sets of edits that touch nothing before `start` are read in one batch."""
    return min(in_smaller_batches(AT_ONCE), model.edits_at_once(answer, start))


def _read_as(perturbation: Perturbation) -> Perturbation:
    """What is read for it."""
    return _nothing(perturbation) if perturbation.empty else perturbation


def _nothing(perturbation: Perturbation) -> Perturbation:
    """What takes nothing away, and is read as this one is."""
    return HiddenPixels(()) if isinstance(perturbation, PixelPerturbation) else NetworkEdits(())


class OutcomeReader:
    """Reads what becomes of some tokens of an answer, as often as it is asked, and remembers what it has read: with
    nothing taken away, and under whatever equals another by its content.

    Edits are of the network as it is, or of what left `checkpoints`, a pass of the answer until its last target
    (`until_target`), for instance one over a corrupted picture. Raises OtherModel; NotApplicable for a target outside
    the vocabulary, and for a sequence that the model cannot read.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        checkpoints: DecoderPass | None = None,
        first: int = 0,
    ) -> None:
        self._model, self._answer = model, until_targets(model, answer, token_targets)
        self._token_targets = tuple(token_targets)
        self._given, self._first = checkpoints, first
        self._own: DecoderPass | None = None
        self._known: dict[Perturbation, Prediction] = {}

    def outcomes(
        self,
        perturbations: Iterable[Perturbation],
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] = lambda done: None,
    ) -> Iterator[Outcome]:
        """The outcome of each perturbation, in order. They are drawn from as batches are filled; those of one kind
        belong together, and edits whose first layers are near each other. `progress` is told the share done, where
        `perturbations` has a length.

        Stopped by `cancel`, it ends within the pass that it is at: what came before is kept. Raises WrongMask for one
        of another size than its picture, ValueError for positions, layers and heads that are not there, NotApplicable
        where a layer has no part that an edit names.
        """
        total = len(perturbations) if isinstance(perturbations, Sized) else 0
        if cancel is not None and cancel.cancelled:
            return
        read = heard_between(self._in_order(perturbations), cancel)
        for done in count(1):
            try:
                outcome = next(read)
            except StopIteration:
                return
            except Cancelled:
                if cancel is None or not cancel.cancelled:
                    raise
                return
            if total:
                progress(done / total)
            yield outcome
            if cancel is not None and cancel.cancelled:
                return

    def undisturbed(self) -> Prediction:
        """What the network predicts with nothing taken away, or what left the pass that was given."""
        (outcome,) = self.outcomes([NetworkEdits(())])
        return outcome.before

    def _in_order(self, perturbations: Iterable[Perturbation]) -> Iterator[Outcome]:
        """The outcomes in the order of asking, each as soon as it is known."""
        waiting: deque[Perturbation] = deque()
        for read, logits in self._read(self._new(perturbations, waiting)):
            for perturbation, prediction in zip(read, predict_each(logits, self._token_targets), strict=True):
                self._known[perturbation] = prediction
                yield from self._due(waiting)
        yield from self._due(waiting)

    def _new(self, perturbations: Iterable[Perturbation], waiting: deque[Perturbation]) -> Iterator[Perturbation]:
        """What is to be read: nothing taken away first, and then each perturbation that was not asked for before."""
        asked = set(self._known)
        for perturbation in perturbations:
            waiting.append(perturbation)
            for wanted in (_nothing(perturbation), _read_as(perturbation)):
                if wanted not in asked:
                    if wanted.by_content:
                        asked.add(wanted)
                    yield wanted

    def _due(self, waiting: deque[Perturbation]) -> Iterator[Outcome]:
        """The outcomes of the perturbations that have waited longest, as far as they are known."""
        while waiting and (wanted := _read_as(waiting[0])) in self._known:
            perturbation = waiting.popleft()
            after = self._known[wanted] if wanted.by_content else self._known.pop(wanted)
            yield Outcome(perturbation, self._known[_nothing(perturbation)], after)

    def _read(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[list[Perturbation], list[Logits]]]:
        for of_pixels, group in groupby(perturbations, lambda one: isinstance(one, PixelPerturbation)):
            read = self._over_images if of_pixels else self._under_edits
            yield from read(group)

    def _over_images(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[list[Perturbation], list[Logits]]]:
        drawn = deque[Perturbation]()
        canvas, layout = self._canvas, self._answer.layout

        def pictures(some: Iterable[Perturbation]) -> Iterator[Pictures]:
            for perturbation in some:
                assert isinstance(perturbation, PixelPerturbation)
                drawn.append(perturbation)
                yield partial(perturbation.painted, canvas, layout)

        first, self._first = self._first, 0
        for some in (islice(perturbations, first), perturbations) if first else (perturbations,):
            for logits in self._model.logits_of_images(self._answer, pictures(some)):
                yield [drawn.popleft() for _ in logits], list(logits)

    @cached_property
    def _canvas(self) -> Canvas:
        """The pictures as the model saw them."""
        return Canvas(as_seen(self._answer.question))

    def _under_edits(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[list[Perturbation], list[Logits]]]:
        for batch, sets in self._batches(perturbations):
            checkpoints = self._checkpoints(sets)
            edited = [edits for edits in sets if edits]
            with torch.no_grad():
                logits = iter(self._model.logits_with(self._answer, edited, checkpoints))
                # What the pass itself left needs no run.
                untouched = self._model.logits_with(self._answer, [()], checkpoints) if len(edited) < len(sets) else []
            yield batch, [next(logits) if edits else untouched[0] for edits in sets]

    def _batches(self, perturbations: Iterator[Perturbation]) -> Iterator[tuple[list[Perturbation], list[Edits]]]:
        """As many as are read at once, with their edits."""
        batch: list[Perturbation] = []
        sets: list[Edits] = []
        start = at_once = 0
        for perturbation in perturbations:
            assert isinstance(perturbation, NetworkPerturbation)
            edits = perturbation.edits(self._answer)
            if not batch or self._start([edits]) < start:
                start = self._start([edits])
                at_once = beside_others(sets_at_once(self._model, self._answer, start), self._model.lock)
                if batch and len(batch) >= at_once:
                    # So many sets of longer rows would be too many.
                    yield batch, sets
                    batch, sets = [], []
            batch.append(perturbation)
            sets.append(edits)
            if len(batch) >= at_once:
                yield batch, sets
                batch, sets = [], []
        if batch:
            yield batch, sets

    def _start(self, sets: Sequence[Edits]) -> int:
        """The first row that has to be read for some sets of edits."""
        given, last = self._given, len(self._answer.prompt_tokens) - 1
        if given is not None and not given.divides:
            return given.start
        return min(last, *(first_position(edits, last) for edits in sets))

    def _checkpoints(self, sets: Sequence[Edits]) -> DecoderPass:
        """A pass whose rows begin no later than the edits."""
        if self._given is not None:
            return self._given
        start = self._start(sets)
        if self._own is None or self._own.start > start:
            self._own = self._model.checkpointed(self._answer, start)
        return self._own
