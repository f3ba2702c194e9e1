"""Videos as the families read them: answers, places, times, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Decoding, Question, RegionMask, TokenKind, Turn
from core.clips import VideoFacts
from core.errors import UnusableVideo
from core.vlm.generation import ask
from core.vlm.hf.frames.choosing import of_clips
from core.vlm.hf.inputs import positioned
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_attentions
from tests.families import saver
from tests.generate import generated
from tests.videos import noisy_video
from tests.zoo import load

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava_onevision", "llava_next_video", "smolvlm")
MERGED = {"qwen2_vl": 2, "qwen2_5_vl": 2, "qwen3_vl": 2}
FEW = Decoding(max_new_tokens=3)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, TransformersModel]:
    """Each family that takes videos, by its name."""
    name: str = request.param
    return name, load(saver(name)(tmp_path_factory.mktemp("video")))


def test_answers_about_a_video_are_those_of_generate(
    family: tuple[str, TransformersModel], picture: Image.Image
) -> None:
    name, model = family
    shown = [noisy_video(3)] if name == "smolvlm" else [picture, noisy_video(3)]
    for question in (
        Question("What is it?", shown, decoding=FEW),
        Question("And then?", shown, (Turn("What is it?", "A dog."),), FEW),
    ):
        answer = ask(model, question)
        prompt, logprobs = generated(model, question)
        assert answer.inputs["input_ids"][0].tolist() == prompt
        said = torch.tensor([token.logprob for token in answer.tokens])
        assert torch.allclose(said, logprobs[range(len(said)), list(answer.token_ids)], atol=1e-4)
        # From one pass over the whole sequence, which counts positions by itself.
        replayed = model.replay_logits(answer).log_softmax(-1)[range(len(said)), list(answer.token_ids)]
        assert torch.allclose(said, replayed, atol=1e-4)


def test_attention_rows_over_a_video_are_those_of_eager_attention(family: tuple[str, TransformersModel]) -> None:
    _, model = family
    answer = ask(model, Question("What is it?", noisy_video(3), decoding=FEW), keep_attention=True)
    assert answer.attention is not None
    for layer, matrix in enumerate(eager_attentions(model, answer)):
        for token in range(len(answer.tokens)):
            row = answer.predicting_position(token)
            rows = answer.attention.weights[layer, :, token, : row + 1].double()
            assert torch.allclose(rows, matrix[:, row, : row + 1], atol=1e-5)


def test_a_frame_moves_the_tokens_of_its_own_view_alone(family: tuple[str, TransformersModel]) -> None:
    name, model = family
    video = noisy_video(3)
    layout = model.prepare(Question("What is it?", video)).layout
    merged = MERGED.get(name, 1)
    assert [view.images for view in layout.views] == [
        range(first, min(first + merged, 3)) for first in range(0, 3, merged)
    ]

    def features(frames: tuple[Image.Image, ...]) -> torch.Tensor:
        prepared = positioned(model.prepare(Question("What is it?", replace(video, frames=frames))))
        [seen] = model._prefill.visual_features(prepared).values()
        made = seen.pooler_output
        return (torch.cat(list(made)) if isinstance(made, tuple | list) else made).reshape(-1, made[0].shape[-1])

    bare = features(video.frames)
    for number in range(3):
        lit = list(video.frames)
        lit[number] = Image.new("RGB", lit[number].size, "white")
        moved = (features(tuple(lit)) - bare).abs().amax(-1) > 1e-6
        tokens = [
            position for position, is_moved in zip(layout.positions(TokenKind.IMAGE), moved, strict=True) if is_moved
        ]
        assert tokens == sorted(p for view in layout.views if number in view.images for p in view.positions)


def test_hiding_a_frame_is_asking_with_that_frame_black(family: tuple[str, TransformersModel]) -> None:
    _, model = family
    video = noisy_video(3)
    everything = RegionMask(np.ones((80, 120), bool), image=1)
    hidden = ask(model, Question("What is it?", video, decoding=FEW, masks=everything))
    frames = (video.frames[0], Image.new("RGB", (120, 80)), video.frames[2])
    black = ask(model, Question("What is it?", replace(video, frames=frames), decoding=FEW))
    assert [token.logprob for token in hidden.tokens] == [token.logprob for token in black.tokens]


def test_frames_are_chosen_by_the_processors_own_rule(family: tuple[str, TransformersModel]) -> None:
    _, model = family
    facts = VideoFacts(total=96, rate=24.0, width=120, height=80)
    four = model.choose_frames(facts, count=4)
    assert len(four.indices) == 4 and four.indices[0] == 0 and four.indices == tuple(sorted(four.indices))
    with pytest.raises(UnusableVideo, match="not both"):
        model.choose_frames(facts, count=4, rate=1.0)


def test_times_are_written_into_the_prompt_of_models_that_read_them(family: tuple[str, TransformersModel]) -> None:
    name, model = family
    text = "".join(model.prepare(Question("What is it?", noisy_video(4))).prompt_tokens)
    assert ("<0.2 seconds>" in text and "<1.2 seconds>" in text) == (name == "qwen3_vl")
    assert ("Frame from 00:01:" in text) == (name == "smolvlm")


def test_patches_of_two_frames_lie_as_their_makers_say(qwen: TransformersModel) -> None:
    video = noisy_video(2, size=(112, 84))
    inputs = qwen.prepare(Question("What is it?", video)).inputs
    rule = qwen.processor.video_processor
    mean, deviation = (np.array(values) for values in (rule.image_mean, rule.image_std))
    # Literally: block by block of merged patches, each patch channel by channel, both frames, row by row.
    frames = [(np.asarray(frame) / 255 - mean) / deviation for frame in video.frames]
    rows = [
        [frame[y + i, x + j, channel] for channel in range(3) for frame in frames for i in range(14) for j in range(14)]
        for top in range(0, 84, 28)
        for left in range(0, 112, 28)
        for y in (top, top + 14)
        for x in (left, left + 14)
    ]
    assert np.allclose(inputs["pixel_values_videos"].numpy(), np.array(rows), atol=1e-5)


def test_a_model_that_takes_no_video_says_so(llava: TransformersModel) -> None:
    with pytest.raises(UnusableVideo, match="not about videos"):
        ask(llava, Question("What is it?", noisy_video(2)))


def test_what_is_a_video_of_the_pictures_decides_what_is_kept(qwen: TransformersModel) -> None:
    video = noisy_video(2)
    moving, still = Question("What is it?", video), Question("What is it?", video.frames)
    assert moving.visual_fingerprint() != still.visual_fingerprint()
    assert of_clips(still, still.images) == {}
