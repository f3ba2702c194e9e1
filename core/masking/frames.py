"""Masks of a video: a region through its frames, and whole frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from ..answer import Fill, Question, RegionMask


def through_frames(
    hidden: Bool[np.ndarray, "height width"], images: Iterable[int], fill: Fill = "black"
) -> tuple[RegionMask, ...]:
    """The same region of several images hidden: of the frames of a clip (`Clip.images`), or of some of them."""
    return tuple(RegionMask(hidden, fill, image) for image in images)


def whole_frames(question: Question, images: Iterable[int], fill: Fill = "black") -> tuple[RegionMask, ...]:
    """All of some images of a question hidden."""
    return tuple(RegionMask(np.ones(question.images[image].size[::-1], dtype=bool), fill, image) for image in images)
