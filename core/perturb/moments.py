"""Hiding a video moment by moment: which of its frames an answer rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..answer import Answer, Fill
from ..geometry.moments import Moment
from ..masking import whole_frames
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from .outcomes import outcomes
from .perturbation import HiddenPixels
from .prediction import Outcome


def hidden_moments(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    moments: Sequence[Moment],
    fill: Fill = "black",
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Iterator[Outcome]:
    """The outcome of hiding all frames of each moment, one moment after the other, a whole pass each. Stopped, it ends
    after the one that it is at. Raises what `outcomes` raises."""
    hidden = [HiddenPixels(whole_frames(answer.question, moment.images, fill)) for moment in moments]
    return outcomes(model, answer, token_targets, hidden, cancel=cancel, progress=progress)
