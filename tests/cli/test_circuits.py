"""`circuit` tells the circuit in its first line, and its edges in those after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Command

ASKED = ("--question", "the dog the dog?", "--max-new-tokens", 4, "--token", 2, "--steps", 1, "--draws", 1)


def test_a_circuit_is_told_with_its_curve_and_its_edges(command: Command, scene: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    with Image.open(scene) as picture:
        picture.rotate(180).save(other)
    more = ("--other-image", other, "--other-question", "dog the the dog?", "--rival", "man", "--share", "0.6")
    outcome = command("circuit", *ASKED, "--image", scene, *more)
    assert outcome.code == 0
    first, *edges = outcome.lines
    assert first["edges"] == len(edges) > 0 and first["faithfulness"] >= 0.6
    assert set(first["cpr_and_cmd"]) == {
        "edges by score",
        "heads by log-probability increase",
        "heads by attention to the picture",
        "random edges, mean",
    }
    sizes = [abs(edge["score"]) for edge in edges]
    assert sizes == sorted(sizes, reverse=True) and edges[0].keys() == {"from", "to", "score"}
    assert "carry" in outcome.told


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ((), "Without a picture the corrupted run needs other words"),
        (("--other-question", "a much longer question about the dog and the man?"), "as many tokens"),
    ],
)
def test_what_has_no_corrupted_run_is_refused(command: Command, more: tuple[str, ...], sentence: str) -> None:
    outcome = command("circuit", *ASKED, *more)
    assert outcome.code != 0 and sentence in outcome.told


def test_as_many_pictures_are_needed(command: Command, scene: Path) -> None:
    outcome = command("circuit", *ASKED, "--image", scene, "--other-image", scene, "--other-image", scene)
    assert outcome.code == 2 and "--other-image as often" in outcome.told
