"""Video processors over Pillow beside those of `transformers`, where torchvision is there to make these."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.video_utils import VideoMetadata

from core.vlm.hf.families.registry import families
from core.vlm.hf.frames.loading import load_frames
from tests.families import saver
from tests.videos import noisy_video

pytest.importorskip("torchvision", reason="the video processors of transformers need torchvision")


@pytest.mark.parametrize(
    "name", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava_onevision", "llava_next_video", "smolvlm"]
)
def test_frames_are_chosen_and_made_ready_as_by_transformers(name: str, tmp_path: Path) -> None:
    from transformers import AutoVideoProcessor

    folder = saver(name)(tmp_path)
    [where] = {family.video for family in families().values() if name in family.model_types}
    ours, theirs = load_frames(folder, where), AutoVideoProcessor.from_pretrained(folder)
    assert type(theirs).__name__ == where.split(".")[1]
    for total in (1, 7, 48, 301):
        # Qwen2-VL's own settings say nothing of how many, and then transformers takes none.
        for asked in ({}, {"num_frames": 6}, {"fps": 2.0})[name.startswith("qwen2") :]:
            chosen = []
            for processor in (ours, theirs):
                try:
                    chosen.append(
                        [*map(int, processor.sample_frames(VideoMetadata(total, 24.0, duration=total / 24), **asked))]
                    )
                except (ValueError, ZeroDivisionError) as error:
                    chosen.append(type(error))
            assert chosen[0] == chosen[1], (total, asked)
    for size in ((56, 56), (120, 80), (301, 97), (40, 200)):
        frames = np.stack([np.asarray(frame) for frame in noisy_video(3, size=size).frames])
        made, wanted = (processor(frames, do_sample_frames=False, return_tensors="pt") for processor in (ours, theirs))
        assert set(made) == set(wanted)
        for key, value in wanted.items():
            assert made[key].shape == value.shape
            if not value.is_floating_point():
                assert torch.equal(made[key], value)
                continue
            # Pillow and torchvision round otherwise, between their two passes as well; noise shows it the most.
            apart = (made[key] - value).abs() * float(np.min(ours.image_std)) * 255
            assert apart.mean() < 0.5 and apart.max() < 16
            assert size != (56, 56) or name.startswith("qwen3") or apart.max() < 1e-3
