"""Which frames of a video mattered, for lines and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ..answer import Answer, Explanation, Target
from ..api.frames import frame_shares, hide_frames
from ..reports.page import table
from ..vlm.model import VisionLanguageModel
from .console import bar, stoppable


@dataclass(frozen=True)
class FrameLine:
    """One frame, or frames that the model merges: their numbers among the pictures (from 1), the times of the first and
    the last in seconds, the share of the map's positive score, and the change in nats where they are hidden (None where
    that was not read)."""

    pictures: list[int]
    times: tuple[float, float]
    share: float
    hidden_change: float | None


def changes_without(model: VisionLanguageModel, answer: Answer, target: Target) -> list[list[float]]:
    """How the target's log-probability changes in nats without each frame of each video. Raises Cancelled."""
    changes = []
    for video in range(len(answer.question.clips)):
        with stoppable() as cancel, bar("hiding frames") as progress:
            figures = hide_frames(model, answer, target, video=video, cancel=cancel, progress=progress)
            cancel.check()
        changes.append([figure.value for figure in figures])
    return changes


def frame_figures(
    answer: Answer, explanation: Explanation, changes: Sequence[Sequence[float]] = ()
) -> list[list[FrameLine]]:
    """The lines of each video of the question."""
    figures = [frame_shares(answer, explanation, video) for video in range(len(answer.question.clips))]
    return [
        [
            FrameLine(
                [image + 1 for image in figure.moment.images],
                figure.moment.times,
                figure.value,
                changes[video][number] if changes else None,
            )
            for number, figure in enumerate(shares)
        ]
        for video, shares in enumerate(figures)
    ]


def frame_table(frames: Sequence[FrameLine]) -> Element:
    """The frames of one video as a table of a page."""
    rows = [
        [
            "–".join(f"{time:.2f}" for time in dict.fromkeys(frame.times)),
            f"{frame.share:.0%}",
            *([] if frame.hidden_change is None else [f"{frame.hidden_change:+.3f}"]),
        ]
        for frame in frames
    ]
    hidden = any(frame.hidden_change is not None for frame in frames)
    header = ["seconds", "share of the frames' positive score", *(["change when hidden (nats)"] if hidden else [])]
    return table(header, rows, numbers=list(range(len(header))))
