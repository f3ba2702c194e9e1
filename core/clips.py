"""Videos as a question holds them: pictures that are frames of one video, and when each of them is shown.

A frame is a picture like any other: it has a number among the question's images, a mask, a map. What makes several of
them a video is a `Clip`, from which the model's processor is told their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from .images import ImageLike, as_image


@dataclass(frozen=True)
class Clip:
    """That the images `first`, `first` + 1, ... of a question are frames of one video.

    `times` are when the frames are shown, in seconds from the first frame of the video, one for each frame, and
    `indices` their numbers among its `total` frames, from 0. `rate` is how many frames it has a second. `rule` says in
    words how they were chosen; `name` is that of the file. Both are for people, and decide no answer.
    """

    first: int
    times: tuple[float, ...]
    indices: tuple[int, ...]
    rate: float
    total: int
    name: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for other than one time and one number a frame, or without a frame."""
        if not self.times or len(self.times) != len(self.indices):
            raise ValueError(f"{len(self.indices)} frames cannot have {len(self.times)} times")

    def __len__(self) -> int:
        """How many frames it has."""
        return len(self.times)

    @property
    def images(self) -> range:
        """The numbers of its frames among the images of the question."""
        return range(self.first, self.first + len(self))

    @property
    def duration(self) -> float:
        """How long the video is, in seconds."""
        return self.total / self.rate

    def record(self) -> dict[str, object]:
        """The same as plain values, for files."""
        return {
            "name": self.name,
            "first": self.first,
            "times": list(self.times),
            "indices": list(self.indices),
            "rate": self.rate,
            "total": self.total,
            "rule": self.rule,
        }

    @property
    def content(self) -> str:
        """All of it that may bear on an answer."""
        return repr((self.first, self.indices, self.rate, self.total))


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video before any frame is decoded: how many frames it has in all and how many a second, and
    their width and height in pixels."""

    total: int
    rate: float
    width: int
    height: int


@dataclass(frozen=True)
class ChosenFrames:
    """Numbers of frames of a video, from 0 and in their order, and in words how they were chosen."""

    indices: tuple[int, ...]
    rule: str = ""


@dataclass(frozen=True, eq=False)
class Video:
    """Frames of a video, to be asked about: RGB, upright, all of one size. `clip` says when each is shown; its first
    image is number 0 until it stands in a question."""

    frames: tuple[Image.Image, ...]
    clip: Clip


Visual = ImageLike | Video
"""What can be asked about."""


def as_visuals(visuals: Visual | Iterable[Visual]) -> tuple[tuple[Image.Image, ...], tuple[Clip, ...], tuple[int, ...]]:
    """Pictures and videos as the images of a question, the clips among these, and how many images each became. Raises
    UnreadableImage."""
    several: Iterable[Visual] = visuals if not isinstance(visuals, ImageLike | Video) else [visuals]
    images: list[Image.Image] = []
    clips: list[Clip] = []
    counts: list[int] = []
    for visual in several:
        if isinstance(visual, Video):
            clips.append(replace(visual.clip, first=len(images)))
            images += visual.frames
            counts.append(len(visual.frames))
        else:
            images.append(as_image(visual))
            counts.append(1)
    return tuple(images), tuple(clips), tuple(counts)


def in_order(images: int, clips: Sequence[Clip]) -> tuple[int | Clip, ...]:
    """What so many images are, one after the other: pictures by their numbers, and clips. Raises ValueError for clips
    whose frames are not there, overlap or are out of order."""
    order: list[int | Clip] = []
    done = 0
    for clip in clips:
        if clip.first < done or clip.images.stop > images:
            raise ValueError(f"frames {clip.first} to {clip.images.stop - 1} do not fit into {images} images")
        order += [*range(done, clip.first), clip]
        done = clip.images.stop
    return (*order, *range(done, images))
