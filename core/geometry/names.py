"""How images of a question are called on screen: pictures by their number, frames of a video by theirs and their
time."""

from __future__ import annotations

from collections.abc import Sequence

from ..answer import Question, TokenLayout
from ..clips import Clip


def clip_of(question: Question, image: int) -> Clip | None:
    """The video that an image is a frame of; None for a picture."""
    return next((clip for clip in question.clips if image in clip.images), None)


def image_name(question: Question, image: int) -> str:
    """One image: "the picture", "picture 2", or "frame 3 (1.0 s)"."""
    return images_name(question, range(image, image + 1))


def images_name(question: Question, images: Sequence[int]) -> str:
    """One image, or several frames of one video that follow each other: "frames 3 and 4 (1.0 and 1.5 s)". Where there
    is more than one video, with its number."""
    clip = clip_of(question, images[0])
    if clip is None:
        return "the picture" if len(question.images) == 1 else f"picture {images[0] + 1}"
    numbers, times = ends([str(image - clip.first + 1) for image in images]), ends([seconds(clip, i) for i in images])
    video = f" of video {question.clips.index(clip) + 1}" if len(question.clips) > 1 else ""
    return f"{'frame' if len(images) == 1 else 'frames'} {numbers}{video} ({times} s)"


def frames_together(layout: TokenLayout, image: int) -> range:
    """The images that one image's tokens stand for: itself, or the frames that it was merged with."""
    return next((view.images for view in layout.views if image in view.images), range(image, image + 1))


def seconds(clip: Clip, image: int) -> str:
    """When a frame is shown, as precisely as tells it from the next one."""
    steps = [later - time for time, later in zip(clip.times, clip.times[1:], strict=False) if later > time]
    digits = 1 if min(steps, default=1.0) >= 0.1 else 2
    return f"{clip.times[image - clip.first]:.{digits}f}"


def ends(names: Sequence[str]) -> str:
    """One name, two, or the first and the last of more."""
    return names[0] if len(names) == 1 else f"{names[0]} {'and' if len(names) == 2 else 'to'} {names[-1]}"
