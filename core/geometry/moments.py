"""The moments of a video that a model tells apart: single frames, or frames that its tower merges into one."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import TokenLayout
from ..clips import Clip


@dataclass(frozen=True)
class Moment:
    """Frames of a clip, by their numbers among the question's images, that the same tokens stand for: `positions` of
    the sequence. `times` are those of the first and the last of them, in seconds."""

    images: range
    times: tuple[float, float]
    positions: tuple[int, ...]


def moments(layout: TokenLayout, clip: Clip) -> tuple[Moment, ...]:
    """The moments of a clip in their order; its frames one by one, without positions, where no token has a place."""
    spans = {view.images for view in layout.views if view.image in clip.images}
    covered = {image for span in spans for image in span}
    spans |= {range(image, image + 1) for image in clip.images if image not in covered}
    return tuple(
        Moment(
            span,
            (clip.times[span.start - clip.first], clip.times[span.stop - 1 - clip.first]),
            tuple(sorted(p for view in layout.views if view.images == span for p in view.positions)),
        )
        for span in sorted(spans, key=lambda span: span.start)
    )
