"""`mechanism` lists what there is, and prints every figure of the one that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from core.answer import Decoding, Question, Target
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.cli.conftest import Command
from tests.mechanisms.dropped import A_MECHANISM, dropped

ASKED = ("--question", "What is it?", "--max-new-tokens", 6)


def test_without_a_key_every_mechanism_is_listed_with_its_settings(command: Command) -> None:
    outcome = command("mechanism")
    assert outcome.code == 0 and [line["mechanism"] for line in outcome.lines] == list(mechanisms())
    assert all(line["name"] and line["description"] and line["caveat"] for line in outcome.lines)
    [lens] = [line for line in outcome.lines if line["mechanism"] == "logit_lens"]
    assert lens["settings"]["positions"]["options"] == ["words", "image tokens"]


def test_a_mechanism_tells_every_figure(
    command: Command, llava: TransformersModel, scene: Path, picture: Image.Image
) -> None:
    outcome = command("mechanism", "head_contributions", *ASKED, "--image", scene, "--token", 2, "--setting", "first=2")
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=6)))
    mechanism = mechanisms()["head_contributions"]
    measurement = measure(mechanism, llava, answer, Target((1,)), mechanism.Settings(first=2))
    assert outcome.code == 0
    assert [line["figure"] for line in outcome.lines] == [shape.title for shape in measurement.result.shapes]
    assert [line["shape"] for line in outcome.lines] == ["HeadValues", "PositionValues"]
    heads, positions = (line["rows"] for line in outcome.lines)
    assert [row["value"] for row in heads] == pytest.approx(
        [row["value"] for row in measurement.result.shapes[0].rows(answer)], abs=1e-6
    )
    assert len(positions) == len(answer.layout)
    assert outcome.lines[0]["settings"]["first"] == 2 and outcome.lines[0]["target_tokens"] == [1]


@pytest.mark.parametrize("key", list(mechanisms()))
def test_every_mechanism_runs_from_the_command_line(command: Command, scene: Path, key: str) -> None:
    outcome = command("mechanism", key, *ASKED, "--image", scene, "--token", 2)
    assert outcome.code == 0 and all(line["rows"] for line in outcome.lines)


def test_a_new_file_is_a_new_key(command: Command, scene: Path, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "dull.py").write_text(A_MECHANISM.format(key="dull", caveat='caveat = "None."'))
    with dropped(folder):
        outcome = command("mechanism", "dull", *ASKED, "--image", scene, "--setting", "only=heads")
    [line] = outcome.lines
    assert line["mechanism"] == "dull" and len(line["rows"]) == 12


def test_what_cannot_be_asked_is_refused_in_a_sentence(command: Command, scene: Path) -> None:
    for arguments, code, why in (
        (("trace", *ASKED), 2, "There is no mechanism 'trace'. The mechanisms are head_contributions"),
        (("logit_lens",), 2, "Say what is asked: --question"),
        (("logit_lens", *ASKED, "--setting", "depth=1"), 2, "has no setting 'depth'. It has layers, positions, top"),
        (("logit_lens", *ASKED, "--setting", "positions=image tokens"), 4, "no picture, so there are no image tokens"),
    ):
        outcome = command("mechanism", *arguments)
        assert (outcome.code, outcome.lines) == (code, []) and why in outcome.told
