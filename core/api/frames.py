"""Which frames of a video an answer rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..answer import Answer, Explanation, Fill, Target
from ..clips import Clip
from ..errors import NotApplicable
from ..geometry.moments import Moment, moments
from ..maps.moments import moment_shares
from ..perturb.moments import hidden_moments
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import token_targets_of
from .explaining import target_of


@dataclass(frozen=True)
class FrameFigure:
    """A figure of a moment of a video: of a frame, or of frames that the model merges into one."""

    moment: Moment
    value: float


def frame_shares(answer: Answer, explanation: Explanation, video: int = 0) -> list[FrameFigure]:
    """Each moment's share of the positive score that a map gives to a video of the question (0 is the first); NaN where
    it gives none. Raises NotApplicable where there is no such video."""
    about = explanation.about(answer)
    shown = moments(about.layout, _clip(answer, video))
    shares = moment_shares(explanation.scores.numpy(), shown)
    return [FrameFigure(moment, float(share)) for moment, share in zip(shown, shares, strict=True)]


def hide_frames(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target | str | None = None,
    *,
    video: int = 0,
    fill: Fill = "black",
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[FrameFigure]:
    """How the log-probability of a target (a Target, a word of the answer, by default all of it) changes in nats when a
    moment of a video of the question is hidden, one after the other: the lower, the more rests on it. A pass for each;
    stopped by `cancel`, there are as many figures as were had. Raises NotApplicable where there is no such video, and
    as `explain` does."""
    shown = moments(answer.layout, _clip(answer, video))
    token_targets = token_targets_of(answer, target_of(answer, target))
    outcomes = hidden_moments(model, answer, token_targets, shown, fill, cancel=cancel, progress=progress)
    return [FrameFigure(moment, outcome.change) for moment, outcome in zip(shown, outcomes, strict=False)]


def _clip(answer: Answer, video: int) -> Clip:
    clips = answer.question.clips
    if not 0 <= video < len(clips):
        there = "no video" if not clips else f"{len(clips)} video{'s' if len(clips) > 1 else ''}"
        raise NotApplicable(f"There is no video {video + 1}: the question has {there}.")
    return clips[video]
