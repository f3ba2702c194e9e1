"""`ask`, `explain` and `evidence` print what core computes, and say in a sentence what cannot be done."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from core.answer import Decoding, Question
from core.cli import asking
from core.comparison.keyword import key_tokens
from core.evidence.evaluate import evaluate
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.generation import ask
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.pace import Pace
from core.vlm.parting import Parting
from core.vlm.replay import SelfCheck
from core.vlm.targets import whole_answer
from tests.adapters import trained
from tests.cli.conftest import Command

ASKED = ("--question", "What is it?", "--max-new-tokens", 6)


def test_ask_tells_the_answer_token_by_token(
    command: Command, llava: TransformersModel, scene: Path, picture: Image.Image
) -> None:
    ran = command("ask", *ASKED, "--image", scene)
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=6)))
    [line] = ran.lines
    assert (ran.code, line["answer"], line["finish"]) == (0, answer.text, answer.finish)
    assert [token["logprob"] for token in line["tokens"]] == pytest.approx([t.logprob for t in answer.tokens])


def test_a_model_that_does_not_say_the_same_again_is_told_of_beside_the_answer(
    command: Command, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "checked", lambda _: SelfCheck(0.5, False, "It differs by 0.5 nats."))
    outcome = command("ask", *ASKED, "--image", scene)
    assert outcome.code == 0 and len(outcome.lines) == 1
    assert "It differs by 0.5 nats." in outcome.told


def test_where_an_answer_may_part_is_told_to_people_and_to_programs(
    command: Command, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("ask", *ASKED, "--image", scene).lines[0]["replay"] is None
    monkeypatch.setattr(asking, "parting", lambda model, answer: Parting(2, None, 0.03))
    outcome = command("ask", *ASKED, "--image", scene)
    assert outcome.lines[0]["replay"] == {"parts_at": 2, "uncertain_from": None, "moved": 0.03}
    assert "From its token 3" in outcome.told


def test_what_is_never_seen_of_a_picture_is_told_to_people_and_to_programs(command: Command, scene: Path) -> None:
    outcome = command("ask", *ASKED, "--image", scene)
    [picture] = outcome.lines[0]["pictures"]
    assert picture["size"] == picture["file_size"] == [120, 80] and picture["seen"] == pytest.approx(80 / 120)
    assert [view["box"] for view in picture["views"]] == [[20, 0, 100, 80]]
    assert "The model sees columns 20 to 100 of 120: 33% of the picture is never seen." in outcome.told


def test_pictures_stand_where_the_command_puts_them(
    command: Command, llava: TransformersModel, scene: Path, picture: Image.Image
) -> None:
    outcome = command("ask", *ASKED, "--image", scene, "--image", scene, "--at", 5, "--at", 8)
    question = Question("What is it?", (picture, picture), images_at=(5, 8), decoding=Decoding(max_new_tokens=6))
    [line] = outcome.lines
    assert (line["answer"], line["images_at"]) == (ask(llava, question).text, [5, 8])
    refused = command("ask", *ASKED, "--image", scene, "--at", 5, "--at", 8)
    assert refused.code == 2 and "2 places are given for 1 picture." in refused.told


def test_explain_tells_a_map_for_each_method(
    command: Command, llava: TransformersModel, scene: Path, picture: Image.Image
) -> None:
    ran = command("explain", *ASKED, "--image", scene, "--method", "raw_attention", "--method", "random", "--token", 2)
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=6)))
    assert ran.code == 0
    assert [line["method"] for line in ran.lines] == ["raw_attention", "random"]
    assert [line["target_tokens"] for line in ran.lines] == [[1], [1]]
    assert answer.attention is not None
    expected = answer.attention.weights[:, :, 1].mean((0, 1)).tolist()
    assert ran.lines[0]["scores"][: len(expected)] == pytest.approx(expected, abs=1e-6)
    assert sum(ran.lines[0]["shares"].values()) == pytest.approx(1)


def test_the_word_that_decides_is_explained_by_default(
    command: Command, llava: TransformersModel, scene: Path, picture: Image.Image
) -> None:
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=6)))
    [line] = command("explain", *ASKED, "--image", scene, "--method", "random").lines
    assert tuple(line["target_tokens"]) == key_tokens(answer)
    [line] = command("explain", *ASKED, "--image", scene, "--method", "random", "--whole").lines
    assert line["target_tokens"] == list(range(len(answer.tokens)))


def test_settings_reach_the_method_and_wrong_ones_are_refused(command: Command, scene: Path) -> None:
    asked = ("explain", *ASKED, "--image", scene, "--method", "raw_attention")
    [line] = command(*asked, "--setting", "layers=0,2", "--setting", "reduce=max").lines
    assert line["settings"] == {"layers": [0, 2], "heads": None, "reduce": "max"}
    for setting, why in (
        ("layers=9", "must name at least one of 0 to 2"),
        ("layers=x", "layers=x is no layers"),
        ("depth=1", "has no setting 'depth'. It has layers, heads, reduce"),
        ("layers", "write NAME=VALUE"),
    ):
        ran = command(*asked, "--setting", setting)
        assert (ran.code, ran.lines) == (2, [])
        assert why in ran.told


def test_a_rival_makes_a_contrast(command: Command, scene: Path) -> None:
    [line] = command(
        "explain", *ASKED, "--image", scene, "--method", "input_gradient", "--token", 1, "--rival", "zebra"
    ).lines
    assert len(line["rivals"]) == 1
    ran = command("explain", *ASKED, "--image", scene, "--method", "raw_attention", "--token", 1, "--rival", "zebra")
    assert ran.code == 4
    assert "has no contrast" in ran.told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("--word", "giraffe"), "has no word “giraffe”"), (("--token", 99), "has 6 tokens"),
     (("--token", 1, "--whole"), "Give one of --word, --token and --whole"),
     (("--method", "guess"), "There is no method 'guess'. The methods are"),
     (("--precision", "float8"), "There is no precision 'float8'"),
     (("--rival", " "), "begins with no other token")],
)  # fmt: skip
def test_what_means_nothing_is_refused_in_a_sentence(
    command: Command, scene: Path, arguments: tuple[object, ...], why: str
) -> None:
    ran = command("explain", *ASKED, "--image", scene, *arguments)
    assert (ran.code, ran.lines) == (2, [])
    assert why in ran.told


def test_evidence_tells_each_figure_beside_its_controls(
    command: Command, llava: TransformersModel, scene: Path, picture: Image.Image
) -> None:
    ran = command("evidence", *ASKED, "--image", scene, "--method", "raw_attention", "--whole")
    answer = ask(llava, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=6)))
    [line] = ran.lines
    [map_] = explain(explainers()["raw_attention"], llava, answer, [whole_answer(answer)])
    [trial] = evaluate(llava, answer, [map_])
    assert ran.code == 0
    assert line["badge"].startswith("removing its top 20% of patches")
    assert line["figures"]["deletion"]["value"] == pytest.approx(trial.tested.figures["deletion"].value, rel=1e-3)
    assert line["figures"]["deletion"]["random"] == pytest.approx(trial.chance("deletion"), rel=1e-3)


def test_a_question_without_a_picture_is_answered_and_has_no_patches_to_test(command: Command) -> None:
    assert command("ask", *ASKED).lines[0]["answer"]
    assert command("explain", *ASKED, "--method", "raw_attention").lines[0]["shares"]["image"] == 0
    ran = command("evidence", *ASKED, "--method", "raw_attention")
    assert ran.code == 4
    assert "This question has no picture" in ran.told


def test_files_and_models_that_cannot_be_used_are_said(command: Command, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("Dear diary")
    for image, why in (("note.png", "is not a picture"), ("gone.png", "cannot be read (No such file or directory)")):
        ran = command("ask", *ASKED, "--image", tmp_path / image)
        assert ran.code == 2
        assert why in ran.told
    ran = command("ask", *ASKED, "--model", tmp_path)
    assert (ran.code, ran.lines) == (2, [])


class Page(HTMLParser):
    """What a browser would make of a page: its tags, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = '<script>alert(1)</script> <img src="https://example.org/x" onerror="alert(2)"> javascript:'


def test_the_page_shows_maps_and_tests_and_trusts_no_text(command: Command, scene: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    ran = command(
        "evidence", "--question", HOSTILE, "--max-new-tokens", 4, "--image", scene, "--method", "raw_attention",
        "--html", page,
    )  # fmt: skip
    assert ran.code == 0
    read = Page(page.read_text(encoding="utf-8"))
    assert HOSTILE in read.text
    assert f"({ran.lines[0]['model'][:8]}), float32 on cpu" in read.text, "a map says whose it is"
    assert "removing its top 20% of patches" in read.text
    assert read.tags >= {"img", "svg", "table"}
    assert not read.tags & {"script", "a", "link", "iframe", "object"}
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    addresses = [value for name, value in read.attributes if name in ("src", "href")]
    assert [address.split(",")[0] for address in addresses] == ["data:image/svg+xml;base64"]


def test_a_page_that_cannot_be_written_is_said(command: Command, scene: Path) -> None:
    ran = command("explain", *ASKED, "--image", scene, "--method", "random", "--html", scene / "page.html")
    assert ran.code == 2
    assert "cannot be written" in ran.told


def test_an_empty_model_name_does_not_run_another_model(command: Command) -> None:
    ran = command("ask", "--question", "What is this?", "--model", "")
    assert ran.code == 2 and "model is empty" in ran.told


def test_a_grid_that_nobody_declared_is_measured_and_said_to_be(
    command: Command, llava: TransformersModel, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llava, "family", Undescribed("unheard_of"))
    page = tmp_path / "page.html"
    ended = command("explain", *ASKED, "--image", scene, "--method", "random", "--html", page)
    note = "This grid was measured, not declared: correlation 1.00."
    assert ended.code == 0
    assert note in ended.told
    assert [line["grid"] for line in ended.lines] == [note]
    assert note in page.read_text()


def test_a_model_is_asked_with_its_adapter_and_without(
    command: Command, llava_folder: Path, tmp_path: Path, scene: Path
) -> None:
    adapter = trained(llava_folder, tmp_path / "tuned")
    options = ("--model", llava_folder, "--device", "cpu", "--image", scene)
    ran = command("ask", *ASKED, *options, "--adapter", adapter, "--also-without")
    tuned, plain = ran.lines
    assert ran.code == 0 and (tuned["adapter"], plain["adapter"]) == ("tuned", None)
    assert tuned["fingerprint"] != plain["fingerprint"]
    assert [each["logprob"] for each in tuned["tokens"]] != [each["logprob"] for each in plain["tokens"]]
    alone = command("ask", *ASKED, *options, "--also-without")
    assert alone.code != 0 and "no adapter to leave out" in alone.told


@pytest.mark.parametrize(("option", "value"), [("--quantisation", "3bit"), ("--precision", "int3"), ("--adapter", " ")])
def test_an_option_of_the_model_that_means_nothing_is_told(command: Command, option: str, value: str) -> None:
    ran = command("ask", *ASKED, option, value)
    assert ran.code != 0 and ("Choose among" in ran.told or "empty" in ran.told)


def test_what_takes_long_is_said_before_it_begins(
    command: Command, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("explain", *ASKED, "--image", scene, "--method", "input_gradient", "--method", "relevancy")
    assert "passes" not in command(*asked).told
    monkeypatch.setattr(Pace, "pass_seconds", lambda *_: 100.0)
    told = command(*asked).told
    assert "Input x gradient: about" in told and "Relevancy: about" in told and "Suffix relevancy takes" in told
