"""What becomes of tokens of an answer when sets of its image tokens are masked, each set read once, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..answer import Answer
from ..perturb.outcomes import OutcomeReader
from ..perturb.prediction import Outcome
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from .explanation_test import Masking, Positions


class MaskedSets:
    """Reads sets of image tokens under one kind of masking, and remembers them for as long as it is kept: heads and
    layers, search distances and controls name many of the same sets.

    It keeps a checkpointed pass of each answer, so it is for the work of one exchange, not for that of a whole study.
    """

    def __init__(self, model: VisionLanguageModel, masking: Masking) -> None:
        self.model, self.masking = model, masking
        # The answer is kept with its readers, so that no other one gets its id.
        self._readers: dict[tuple[int, tuple[TokenTarget, ...]], tuple[Answer, OutcomeReader]] = {}

    def outcomes(
        self,
        answer: Answer,
        targets: Sequence[TokenTarget],
        sets: Sequence[Positions],
        cancel: CancelToken | None = None,
    ) -> Iterator[Outcome]:
        """What becomes of `targets` without each of the sets, in order; those not read before share batches. Stopped by
        `cancel`, it ends early. Raises CausalError where pixels are to be masked that nobody knows."""
        key = id(answer), tuple(targets)
        if key not in self._readers:
            self._readers[key] = answer, OutcomeReader(self.model, answer, targets)
        _, reader = self._readers[key]
        return reader.outcomes([self.masking.without(answer, positions) for positions in sets], cancel)
