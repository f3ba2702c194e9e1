"""Which frames of a video a model is shown, and how its processor is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL.Image import Image
from transformers.video_utils import VideoMetadata

from ....answer import Question
from ....clips import ChosenFrames, VideoFacts
from ....errors import UnusableVideo
from ..families.base import Family

USUAL = 8
"""How many frames are taken where neither the model's processor nor anybody else says."""


def check_video(processor: Any, family: Family, name: str) -> None:
    """Raises UnusableVideo where the model `name`, of this family, takes no video."""
    if not family.video:
        raise UnusableVideo(
            f"{name} is asked about pictures here, and not about videos. Choose a Qwen2-VL, Qwen2.5-VL, Qwen3-VL, "
            "LLaVA-OneVision, LLaVA-NeXT-Video or SmolVLM model, or ask about single frames as pictures."
        )
    if processor.video_processor is None:
        raise UnusableVideo(
            f"The folder of {name} says nothing of how videos are read (video_preprocessor_config.json). Download the "
            "model again, or ask about single frames as pictures."
        )


def chosen(
    processor: Any, family: Family, name: str, video: VideoFacts, count: int | None, rate: float | None
) -> ChosenFrames:
    """The frames that the processor's own rule takes of a video: `count` of them, or `rate` a second, or as many as its
    settings say. Raises UnusableVideo."""
    check_video(processor, family, name)
    rule = processor.video_processor
    if count is not None and rate is not None:
        raise UnusableVideo("Give either how many frames are taken or how many a second, and not both.")
    if count is None and rate is None:
        count, rate = getattr(rule, "num_frames", None), getattr(rule, "fps", None)
        if count is None and rate is None:
            count = min(USUAL, video.total)
            words = f"{count} frames in even steps: the model's processor does not say how many"
        else:
            words = f"as the model's processor says: {_said(count, rate)}"
    else:
        words = f"by the rule of the model's processor, {_said(count, rate)}"
    metadata = VideoMetadata(video.total, video.rate, video.width, video.height, video.total / video.rate)
    asked = {"num_frames": count, "fps": rate}
    try:
        taken = rule.sample_frames(metadata, **{key: value for key, value in asked.items() if value is not None})
    except (ValueError, TypeError, ZeroDivisionError, RuntimeError) as error:
        raise UnusableVideo(
            f"The processor of {name} cannot choose among the {video.total:,} frames of this video "
            f"({_said(count, rate)}: {error}). Choose fewer frames, or a longer video."
        ) from error
    return ChosenFrames(tuple(int(index) for index in taken), words)


def of_clips(question: Question, shown: Sequence[Image]) -> dict[str, Any]:
    """The videos of a question for its processor: frames as they are `shown`, and their times. None is chosen again."""
    if not question.clips:
        return {}
    videos, told = [], []
    for clip in question.clips:
        frames = np.stack([np.asarray(shown[number]) for number in clip.images])
        videos.append(frames)
        height, width = frames.shape[1:3]
        told.append(
            VideoMetadata(clip.total, clip.rate, width, height, clip.duration, frames_indices=list(clip.indices))
        )
    return {"videos": videos, "video_metadata": [told], "do_sample_frames": False}


def _said(count: int | None, rate: float | None) -> str:
    if rate is None:
        return f"{count} frames"
    return f"{rate:g} frames a second" + ("" if count is None else f", at most {count}")
