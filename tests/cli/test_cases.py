"""`cases`: check, run, report, compare and note, with exit codes that say how far it went."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from core.cases import runner
from core.cases.notes import Note, read_notes
from core.cases.results import Result, Run, cropped, read_run
from core.cli.report import LISTED, write_run
from tests.cases.folders import save_mmvp, save_pope
from tests.cli.conftest import Command

SHORT = ("--max-new-tokens", 2)


def test_formats_say_where_they_are_published(command: Command) -> None:
    lines = {line["format"]: line for line in command("cases", "formats").lines}
    assert lines.keys() >= {"hallusionbench", "mmvp", "pope", "plain"}
    assert "Questions.csv" in lines["mmvp"]["expects"]


def test_a_folder_is_checked_before_it_is_run(command: Command, tmp_path: Path) -> None:
    good = command("cases", "check", save_mmvp(tmp_path / "good"))
    assert (good.code, good.lines[0]) == (0, {"format": "mmvp", "cases": 4, "unanswerable": 0, "problems": []})
    bad = command("cases", "check", save_mmvp(tmp_path / "bad", pictures=3), "--format", "mmvp")
    assert (bad.code, bad.lines[0]["unanswerable"]) == (1, 1)
    none = command("cases", "check", tmp_path)
    assert none.code == 2
    assert "fits no format" in none.told


def test_a_run_tells_the_published_rates_and_goes_on_where_it_was(command: Command, tmp_path: Path) -> None:
    folder, out = save_mmvp(tmp_path / "set", pictures=3), tmp_path / "run.jsonl"
    first = command("cases", "run", folder, "--out", out, "--limit", 2, *SHORT)
    assert first.code == 0
    assert [line["rate"] for line in first.lines[:-1]] == ["pair accuracy", "accuracy"]
    assert first.lines[-1] == {"file": str(out), "cases": 2, "finished": 2, "unanswerable": 0}
    before = out.read_text(encoding="utf-8")
    whole = command("cases", "run", folder, "--out", out, *SHORT)
    assert whole.code == 1
    assert whole.lines[-1] == {"file": str(out), "cases": 4, "finished": 4, "unanswerable": 1}
    assert "1 of 4 cases cannot be asked" in whole.told
    assert out.read_text(encoding="utf-8").startswith(before)
    assert len(read_run(out).results) == 4


def test_ctrl_c_keeps_what_is_finished_and_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = save_mmvp(tmp_path / "set"), tmp_path / "run.jsonl"
    before = signal.getsignal(signal.SIGINT)
    asked: list[Any] = []

    def interrupted(*given: Any, **options: Any) -> Any:
        asked.append(given)
        if len(asked) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return ask(*given, **options)

    ask = runner.ask
    monkeypatch.setattr(runner, "ask", interrupted)
    stopped = command("cases", "run", folder, "--out", out, *SHORT)
    assert stopped.code == 3
    assert (stopped.lines[-1]["cases"], stopped.lines[-1]["finished"]) == (4, 1)
    assert "what is finished is kept" in stopped.told
    assert command("cases", "run", folder, "--out", out, *SHORT).code == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 5
    assert signal.getsignal(signal.SIGINT) is before


def test_another_runs_file_is_refused(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    command("cases", "run", save_mmvp(tmp_path / "m"), "--out", out, "--limit", 1, *SHORT)
    other = command("cases", "run", save_pope(tmp_path / "p"), "--out", out, *SHORT)
    assert other.code == 2
    assert "set mmvp there, pope here" in other.told


def test_drawn_streets_are_run_without_a_folder(command: Command, tmp_path: Path) -> None:
    ran = command("cases", "run", "--street", 1, "--out", tmp_path / "run.jsonl", "--no-dependence", *SHORT)
    assert ran.code == 0
    assert {"object colour", "truck door", ""} <= {line.get("group", "") for line in ran.lines}
    for arguments in ((), (tmp_path, "--street", 1)):
        assert command("cases", "run", *arguments, "--out", tmp_path / "other.jsonl").code == 2
    ran = command("cases", "run", "--street", 1, "--out", tmp_path / "run.jsonl", "--engine", "magic")
    assert (ran.code, "'magic' is not one of 'local'" in ran.told) == (2, True)


def test_a_report_tells_rates_dependence_and_wrong_answers_with_their_notes(command: Command, tmp_path: Path) -> None:
    folder, out, page = save_pope(tmp_path / "set"), tmp_path / "run.jsonl", tmp_path / "page.html"
    command("cases", "run", folder, "--out", out, *SHORT)
    results = read_run(out).results
    wrong = next(result for result in results if result.right is False)
    noted = command("cases", "note", out, wrong.id, "--text", "sees <b>a dog</b>", "--tag", "dog", "--tag", "odd")
    assert (noted.code, read_notes(tmp_path / "run.notes.json")[wrong.id]) == (
        0,
        Note("sees <b>a dog</b>", ("dog", "odd")),
    )
    ran = command("cases", "report", out, "--wrong", "--html", page)
    assert ran.code == 0
    assert [line["rate"] for line in ran.lines[:5]] == ["accuracy", "precision", "recall", "F1", "yes ratio"]
    assert ran.lines[5]["not understood"] == sum(not result.understood for result in results)
    assert ran.lines[6]["cropped"] == len(cropped(read_run(out)))
    assert ran.lines[8]["image dependence"]["of"] == sum(result.right is False for result in results)
    assert (ran.lines[9]["id"], ran.lines[9]["note"]) == (wrong.id, "sees <b>a dog</b>")
    text = page.read_text(encoding="utf-8")
    assert "random: accuracy" in text
    assert wrong.question in text
    assert not re.search(r"<script|https?://", text)


def test_notes_may_be_kept_in_another_place(command: Command, tmp_path: Path) -> None:
    out, place = tmp_path / "run.jsonl", tmp_path / "notes" / "mine.json"
    command("cases", "run", save_pope(tmp_path / "set"), "--out", out, *SHORT)
    wrong = next(result for result in read_run(out).results if result.right is False)
    noted = command("cases", "note", out, wrong.id, "--text", "look again", "--notes", place)
    assert (noted.code, noted.lines[0]["file"]) == (0, str(place))
    assert read_notes(place)[wrong.id].text == "look again" and not (tmp_path / "run.notes.json").exists()
    lines = command("cases", "report", out, "--wrong", "--notes", place).lines
    assert next(line for line in lines if line.get("id") == wrong.id)["note"] == "look again"


def test_a_note_needs_a_case_that_is_there(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    command("cases", "run", save_pope(tmp_path / "set"), "--out", out, *SHORT)
    assert command("cases", "note", out, "random/99", "--text", "x").code == 2
    assert command("cases", "report", tmp_path / "gone.jsonl").code == 2


def test_two_runs_are_compared(command: Command, tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    command("cases", "run", save_pope(tmp_path / "set"), "--out", one, *SHORT)
    lines = [json.loads(line) for line in one.read_text(encoding="utf-8").splitlines()]
    lines[1]["right"] = not lines[1]["right"]
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = command("cases", "compare", one, other, "--differing")
    assert ran.code == 0
    assert (ran.lines[0]["cases"], ran.lines[0]["mcnemar_p"]) == (2, 1)
    assert [line["id"] for line in ran.lines[1:]] == ["random/1"]
    other.write_text(other.read_text(encoding="utf-8").replace('"set": "pope"', '"set": "mmvp"'))
    assert command("cases", "compare", one, other).code == 2


def test_a_page_lists_some_of_many_wrong_answers_and_says_so(tmp_path: Path) -> None:
    wrong = [
        Result(f"c{number}", number, "k", "<script>alert(1)</script>", ("yes",), said="\ud800\0", right=False)
        for number in range(LISTED + 1)
    ]
    run = Run("pope", "f00", {"max_new_tokens": 64}, {"model_name": "</title>"}, tuple(wrong))
    write_run(tmp_path / "page.html", run, ())
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"Wrong answers (201, of which {LISTED} are listed)" in text
    assert "201 answers were not understood" in text and "max_new_tokens 64" in text
    assert text.count("<tr>") == LISTED + 2 and "<script" not in text


def test_a_page_fits_a_narrow_screen(tmp_path: Path) -> None:
    write_run(tmp_path / "page.html", Run("pope", "f00", {}, {}, ()), ())
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<meta name="viewport" content="width=device-width">' in text
    assert text.count("<table") + text.count("<svg") == text.count('<div class="wide">')


def test_an_answer_that_no_rule_understands_is_listed_and_decided_once(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    command("cases", "run", save_mmvp(tmp_path / "set"), "--out", out, *SHORT)
    listed = command("cases", "decide", out).lines
    assert {line["id"] for line in listed} == {one.id for one in read_run(out).results if not one.understood}
    decided = command("cases", "decide", out, listed[0]["id"], "right")
    assert (decided.code, decided.lines[0]["said"]) == (0, listed[0]["said"])
    assert len(command("cases", "decide", out).lines) == len(listed) - 1
    accuracy = next(line for line in command("cases", "report", out).lines if line.get("rate") == "accuracy")
    assert accuracy["value"] == pytest.approx(0.25)
    for arguments in ((listed[0]["id"],), (listed[0]["id"], "perhaps"), ("gone", "right")):
        assert command("cases", "decide", out, *arguments).code == 2
