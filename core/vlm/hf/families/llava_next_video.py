"""LLaVA-NeXT-Video: as LLaVA-NeXT, and the middle of each frame of a video, with every 2 x 2 patches made one."""

from __future__ import annotations

from ....clips import Clip
from ._rasters import Rasters
from .context import PromptContext
from .llava_next import LlavaNext


class LlavaNextVideo(LlavaNext):
    """LLaVA-NeXT-Video. The sides of a frame are cut off."""

    key = "llava_next_video"
    name = "LLaVA-NeXT-Video"
    model_types = ("llava_next_video",)
    video = "llava_next_video.LlavaNextVideoVideoProcessor"

    def add_clip(self, rasters: Rasters, context: PromptContext, clip: Clip, side: int) -> None:
        width, height = context.image_sizes[clip.first]
        rule, pooled = context.processor.video_processor, side // context.config.spatial_pool_stride
        # The shorter side is resized to a length, of whose middle a square is cut out.
        across, down = (
            edge * min(width, height) / rule.size["shortest_edge"]
            for edge in (rule.crop_size["width"], rule.crop_size["height"])
        )
        left, top = (width - across) / 2, (height - down) / 2
        rasters.add_frames(clip, pooled, pooled, (left, top, left + across, top + down))
