"""Videos on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import core as sightline
from core.vlm.hf.network import TransformersModel
from tests.cli.conftest import Command
from tests.videos import encoded_video


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A video file of three seconds."""
    path = tmp_path / "film.mp4"
    path.write_bytes(encoded_video())
    return path


def test_explain_tells_which_frames_mattered(
    command: Command, qwen: TransformersModel, qwen_folder: Path, film: Path, tmp_path: Path
) -> None:
    asked = ("--question", "What is it?", "--video", film, "--frames", 4, "--max-new-tokens", 2)
    ran = command("explain", *asked, "--model", qwen_folder, "--whole", "--hide-frames", "--html", tmp_path / "a.html")
    assert ran.code == 0 and "4 of 24 frames of “film.mp4” are shown" in ran.told
    video = sightline.load_video(qwen, film, frames=4)
    answer = sightline.ask(qwen, "What is it?", video, decoding=sightline.Decoding(2))
    explanation = sightline.explain(qwen, answer)
    shares = sightline.frame_shares(answer, explanation)
    changes = sightline.hide_frames(qwen, answer)
    [line] = ran.lines
    assert line["videos"][0]["times"] == list(video.clip.times)
    assert [[frame["pictures"], frame["times"]] for frame in line["frames"][0]] == [
        [[1, 2], list(video.clip.times[:2])],
        [[3, 4], list(video.clip.times[2:])],
    ]
    assert [frame["share"] for frame in line["frames"][0]] == pytest.approx([share.value for share in shares], abs=1e-5)
    assert sum(share.value for share in shares) == pytest.approx(1)
    hidden = [frame["hidden_change"] for frame in line["frames"][0]]
    assert hidden == pytest.approx([change.value for change in changes], abs=1e-4)
    # Literally: asked with the first two frames black.
    black = [Image.new("RGB", (64, 48))] * 2 + list(video.frames[2:])
    said = qwen.replay_logits(answer).log_softmax(-1)
    then = next(qwen.logits_of_images(answer, [lambda: black]))[0].log_softmax(-1)
    rows = range(len(answer.tokens))
    assert changes[0].value == pytest.approx(float((then - said)[rows, list(answer.token_ids)].sum()), abs=1e-4)
    assert "share of the frames" in (tmp_path / "a.html").read_text()


def test_a_region_is_hidden_through_all_frames(command: Command, qwen_folder: Path, film: Path, tmp_path: Path) -> None:
    mask = Image.new("L", (64, 48))
    mask.paste(255, (0, 0, 32, 48))
    mask.save(tmp_path / "mask.png")
    asked = ("--question", "What is it?", "--video", film, "--frames", 4, "--max-new-tokens", 2)
    ran = command("reask", *asked, "--model", qwen_folder, "--mask", tmp_path / "mask.png", "--every-frame")
    assert ran.code == 0
    assert ran.lines[0]["perturbation"].count("50% of picture") == 4


def test_a_model_that_takes_no_video_is_refused_in_a_sentence(command: Command, film: Path) -> None:
    ran = command("ask", "--question", "What is it?", "--video", film)
    assert ran.code == 2 and "not about videos" in ran.told
