"""Video processors of `transformers` that resize with Pillow.

They exist only with torchvision, but what of it they use is resizing and arithmetic. Every rule (which frames, to what
size, in what order patches lie) stays that of `transformers`, whose classes are taken as they are; below them, pixels
are resized by Pillow, as those of pictures are (`processor.py`), wherever torchvision is installed or not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from transformers.image_transforms import get_resize_output_image_size
from transformers.video_processing_utils import BaseVideoProcessor

Frames = UInt8[Tensor, "*video frame 3 height width"]


class WithPillow(BaseVideoProcessor):
    """What stands between a family's video processor and the base of all of them."""

    def convert_to_rgb(self, video: Frames) -> Frames:
        """Frames are RGB already."""
        return video

    def resize(self, image: Frames, size: Any, resample: Any = None, **_: Any) -> Frames:
        """Every frame alone, to whole values, as Pillow resizes a picture."""
        height, width = image.shape[-2:]
        if size.height and size.width:
            wanted = (size.height, size.width)
        elif size.shortest_edge and not size.longest_edge:
            wanted = get_resize_output_image_size(
                np.empty((height, width, 3), np.uint8), size.shortest_edge, default_to_square=False
            )
        else:
            raise ValueError(f"frames cannot be resized to {dict(size)}")
        if wanted == (height, width):
            return image
        filtered = Image.Resampling.BILINEAR if resample is None else Image.Resampling(int(resample))
        flat = image.reshape(-1, 3, height, width).permute(0, 2, 3, 1).numpy()
        resized = np.stack(
            [np.asarray(Image.fromarray(frame).resize((wanted[1], wanted[0]), filtered)) for frame in flat]
        )
        return torch.from_numpy(resized).permute(0, 3, 1, 2).reshape(*image.shape[:-2], *wanted)

    def center_crop(self, image: Frames, size: Any, **_: Any) -> Frames:
        """The middle of every frame. Raises ValueError for a frame that is smaller."""
        height, width = image.shape[-2:]
        if size.height > height or size.width > width:
            raise ValueError(f"frames of {width} x {height} px are smaller than {size.width} x {size.height} px")
        top, left = round((height - size.height) / 2), round((width - size.width) / 2)
        return image[..., top : top + size.height, left : left + size.width]

    def normalize(self, image: Float[Tensor, "..."], mean: Any, std: Any, **_: Any) -> Float[Tensor, "..."]:
        """Less the mean and by the deviation of each channel."""
        channels = (torch.as_tensor(values, dtype=image.dtype).view(3, 1, 1) for values in (mean, std))
        less, by = channels
        return (image - less) / by


def with_pillow(processor: type) -> type:
    """A video processor of `transformers` over `WithPillow`; classes are told apart by their names."""
    return type(processor.__name__, (processor, WithPillow), {})
