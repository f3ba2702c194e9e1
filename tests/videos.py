"""Videos to test with: noisy frames, and files of a few bytes."""

from __future__ import annotations

import io

import av
import numpy as np
from PIL import Image

from core.clips import Clip, Video


def noisy_video(count: int, seed: int = 0, size: tuple[int, int] = (120, 80)) -> Video:
    """Frames of noise, two a second, of a video with 24 a second."""
    rng = np.random.default_rng(seed)
    frames = tuple(Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)) for _ in range(count))
    times = tuple(number / 2 for number in range(count))
    return Video(frames, Clip(0, times, tuple(12 * number for number in range(count)), 24.0, 12 * count))


def encoded_video(
    container: str = "mp4", codec: str = "mpeg4", frames: int = 24, size: tuple[int, int] = (64, 48), rate: int = 8
) -> bytes:
    """A file whose frames grow lighter: the grey of number n is about 8 n."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as writer:
        stream = writer.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 6
        for number in range(frames):
            grey = np.full((*size[::-1], 3), 8 * number, np.uint8)
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        writer.mux(stream.encode())
    return file.getvalue()
