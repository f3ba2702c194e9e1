"""What hiding each frame of a video changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ...charts.moments import moment_bars
from ...geometry import images_name, moments, seconds
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..drawing import Chart
from ..figure import Figure
from ._shared import NATS, sentences, took


class Frames(Renderer):
    """The change of the target's log-probability without each moment."""

    key = "frame_changes"
    name = "Hidden frames"

    def figures(self, case: Case) -> Sequence[Figure]:
        values = np.array(case.result, dtype=float)
        question, video = case.answer.question, _video(case)
        chart, names = None, [str(number) for number in range(1, len(values) + 1)]
        if video < len(question.clips):
            clip = question.clips[video]
            shown = moments(case.answer.layout, clip)
            names = [images_name(question, moment.images) for moment in shown]
            times = [seconds(clip, moment.images.start) for moment in shown]
            title = "change when hidden (nats)"
            chart = Chart(partial(moment_bars, values.tolist(), names, times, title=title, click="moment"))
        rows = [{"frames": name, "change": float(value)} for name, value in zip(names, values, strict=False)]
        said = f"In nats: how the log-probability of {case.target_words} changes when the frame is hidden."
        title = f"Each frame hidden: {case.target_words}"
        return [Figure(title, sentences(said, took(case.seconds)), {"values": values}, chart, rows)]

    def code(self, case: Case, write: Writer) -> Code:
        given = f", video={video}" if (video := _video(case)) else ""
        if "fill" in case.about:
            given += f", fill={write.literal(case.about['fill'])}"
        target = write.literal(case.wanted_target)
        hidden = f"sightline.hide_frames(model, answer, {target}{given})"
        return Code((f"result = tuple(figure.value for figure in {hidden})",), rounding=NATS)


def _video(case: Case) -> int:
    content, video = case.about.get("clip"), case.about.get("video", 0)
    if content is not None:
        video = next((n for n, clip in enumerate(case.answer.question.clips) if clip.content == content), -1)
    return video if isinstance(video, int) and video >= 0 else 0
