"""The frames of Qwen2-VL and Qwen2.5-VL.

The module of their video processor cannot be imported without torchvision. Their patches lie as those of Qwen3-VL,
whose module can be; what is their own (which frames, to what size) is written here.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, SizeDict
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

from .pillow import Frames, WithPillow


class Qwen2VLVideoProcessor(Qwen3VLVideoProcessor, WithPillow):
    """Every frame is resized as a picture would be, within bounds of its own."""

    size: ClassVar = {"shortest_edge": 128 * 28 * 28, "longest_edge": 28 * 28 * 768}
    image_mean = OPENAI_CLIP_MEAN
    image_std = OPENAI_CLIP_STD
    patch_size = 14
    do_sample_frames = False
    max_video_tokens = 128000
    fps = None

    def __init__(self, **kwargs: Any) -> None:
        size = dict(kwargs.pop("size", None) or self.size)
        # As older checkpoints write the bounds.
        for bound, edge in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
            if (pixels := kwargs.pop(bound, None)) is not None:
                size[edge] = pixels
        super().__init__(size=size, **kwargs)

    def sample_frames(
        self, metadata: Any, num_frames: int | None = None, fps: float | None = None, **_: Any
    ) -> Int[Tensor, "frame"]:
        """Frames in even steps from the first one on, in a whole number of merged ones: `num_frames` of them, or `fps`
        a second."""
        total, merged = metadata.total_num_frames, self.temporal_patch_size
        if num_frames is not None:
            wanted = round(num_frames / merged) * merged
        elif fps is None:
            raise ValueError("neither how many frames are wanted is known, nor how many a second")
        else:
            most = math.floor(min(self.max_frames, total) / merged) * merged
            wanted = min(max(total / metadata.fps * fps, self.min_frames), most, total)
            wanted = math.floor(wanted / merged) * merged
        if wanted > total:
            raise ValueError(f"{wanted} frames cannot be taken of {total}")
        return torch.arange(0, total, total / wanted).int()

    def resize(self, videos: Frames, size: Any, resample: Any = None, **more: Any) -> Frames:  # type: ignore[override]
        """Every frame to whole merged patches."""
        factor, most = more["factor"], size.longest_edge
        if more.get("cap_pixels_per_frame"):
            share = int(self.max_video_tokens * factor * factor * 0.9) * more["temporal_factor"] // videos.shape[1]
            most = max(min(most, share), int(size.shortest_edge * 1.05))
        height, width = smart_resize(*videos.shape[-2:], factor, size.shortest_edge, most)
        return WithPillow.resize(self, videos, SizeDict(height=height, width=width), resample)
