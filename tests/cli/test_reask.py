"""`reask` prints what core computes, and says in a sentence which masks it cannot take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question
from core.perturb.reask import reask
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.cli.conftest import Command

ASKED = ("--question", "the the dog?", "--max-new-tokens", 4)
LEFT = np.indices((80, 120))[1] < 50


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A mask of the scene's size, white on the left."""
    Image.fromarray(LEFT).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def test_both_answers_are_told_token_by_token(
    command: Command, llava: TransformersModel, scene: Path, mask: Path, picture: Image.Image
) -> None:
    ran = command("reask", *ASKED, "--image", scene, "--mask", mask, "--fill", "blur")
    answer = ask(llava, Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=4)))
    expected = reask(llava, answer, LEFT, "blur")
    [line] = ran.lines
    assert (ran.code, line["answer"], line["says"]) == (0, answer.text, expected.answer.text)
    assert line["perturbation"] == "42% of the picture hidden (blur)"
    assert [token["text"] for token in line["tokens"]] == [token.text for token in answer.tokens]
    for name, values in (
        ("logprob", expected.outcome.before.tokens),
        ("logprob_then", expected.outcome.after.tokens),
        ("change", expected.outcome.changes),
        ("rank_then", expected.outcome.after.ranks),
    ):
        assert [token[name] for token in line["tokens"]] == pytest.approx(values.tolist(), abs=1e-5)
    assert line["change"] == pytest.approx(expected.outcome.change, abs=1e-5)
    assert len(line["new_tokens"]) == len(expected.answer.tokens)
    assert line["aligned"] == [[column.original, column.other] for column in expected.aligned]


def test_a_mask_over_what_a_crop_cuts_off_is_told_to_show_nothing(command: Command, scene: Path, mask: Path) -> None:
    rim = np.indices((80, 120))[1] < 10
    Image.fromarray(rim).save(mask)
    outcome = command("reask", *ASKED, "--image", scene, "--mask", mask)
    assert outcome.lines[0]["hidden_seen"] == [0.0] and outcome.lines[0]["change"] == 0
    assert "The model sees none of what is hidden" in outcome.told
    assert "The model sees columns 20 to 100 of 120: 33% of the picture is never seen." in outcome.told


def test_people_are_told_in_words(command: Command, scene: Path, mask: Path) -> None:
    ran = command("reask", *ASKED, "--image", scene, "--mask", mask)
    assert "With 42% of the picture hidden (black)" in ran.told
    assert "log-probability changes by" in ran.told


def test_one_of_several_pictures_is_masked(
    command: Command, scene: Path, tmp_path: Path, llava: TransformersModel
) -> None:
    other = Image.new("RGB", (60, 90), "green")
    other.save(tmp_path / "other.png")
    Image.new("L", (60, 90), 255).save(tmp_path / "all.png")
    images = ("--image", scene, "--image", tmp_path / "other.png", "--mask", tmp_path / "all.png")
    [line] = command("reask", *ASKED, *images, "--number", 2).lines
    assert line["perturbation"] == "100% of the picture hidden (black)"
    ran = command("reask", *ASKED, *images)
    assert (ran.code, ran.lines) == (2, [])
    assert "The mask is 60 × 90 and the picture 120 × 80 pixels" in ran.told


def test_what_cannot_be_masked_is_refused_in_a_sentence(
    command: Command, scene: Path, mask: Path, tmp_path: Path
) -> None:
    Image.new("L", (120, 80)).save(tmp_path / "nothing.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for options, why in (
        (("--image", scene, "--mask", tmp_path / "nothing.png"), "The mask marks no pixel"),
        (("--image", scene, "--mask", tmp_path / "broken.png"), "“broken.png” is not a picture"),
        (("--image", scene, "--mask", tmp_path / "gone.png"), "“gone.png” cannot be read"),
        (("--image", scene, "--mask", mask, "--fill", "white"), "Choose among black, mean, blur, noise"),
        (
            ("--image", scene, "--mask", mask, "--number", 2),
            "no picture 2 to mask: the question has 1 picture",
        ),
        (("--mask", mask), "the question has no picture"),
    ):
        ran = command("reask", *ASKED, *options)
        assert (ran.code, ran.lines) == (2, [])
        assert why in ran.told
