"""Claims from the command line: what there is, a line and a verdict each, and a file that can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.claims.registry import claims
from core.claims.report import read_results
from core.cli.console import Exit
from tests.claims.dropped import KEY, dropped
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals that nobody names are kept in the folder of the test."""
    monkeypatch.chdir(tmp_path)


def test_claims_alone_tells_each_with_its_verdict(command: Command) -> None:
    done = command("claims")
    assert done.code == Exit.DONE and [line["claim"] for line in done.lines] == list(claims())
    verdicts = {line["claim"]: line["verdict"] for line in done.lines}
    assert verdicts["visual_words"] == "does not reproduce"
    assert all(line["paper"] and line["rule"] and line["link"] for line in done.lines)


def test_a_claim_that_was_dropped_in_is_told_and_measured(command: Command, tmp_path: Path) -> None:
    with dropped(tmp_path):
        verdicts = {line["claim"]: line["verdict"] for line in command("claims").lines}
        assert verdicts[KEY] == "not measured yet"
        assert KEY in [line["study"] for line in command("study").lines]
        for words in (("claims", KEY), ("findings", "--finding", KEY)):
            [line] = command(*words, "--scenes", 12, "--journal", tmp_path / "j.jsonl").lines
            assert line["key"] == KEY and line["verdict"] == "reproduces"
        assert command("study", KEY).lines[-1]["verdict"] == "reproduces"


@pytest.mark.parametrize("words", [("claims", "visual_words"), ("findings", "--finding", "visual_words")])
def test_a_claim_is_told_and_kept(command: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    out = tmp_path / "claims.json"
    done = command(*words, "--scenes", 1, "--journal", tmp_path / "j.jsonl", "--out", out)
    assert done.code == Exit.DONE
    assert "undecided (1 of 1 scenes)" in done.told
    [line] = done.lines
    results = read_results(out)
    [report] = results.reports
    assert line["key"] == report.key == "visual_words" and len(line["figures"]) == len(report.figures)
    assert results.command.startswith(f"sightline {words[0]}")


def test_a_journal_that_nobody_names_is_the_models_own(command: Command, tmp_path: Path) -> None:
    assert command("claims", "shared_heads", "--scenes", 1).code == Exit.DONE
    [journal] = (tmp_path / "checkpoints").iterdir()
    kept = journal.read_bytes()
    assert command("findings", "--finding", "textual_visual", "--scenes", 1).code == Exit.DONE
    assert journal.read_bytes() == kept, "it goes on, also under a former name"


@pytest.mark.parametrize("words", [("claims", "none"), ("findings", "--finding", "none"), ("study", "none")])
def test_a_claim_that_there_is_not_is_refused(command: Command, words: tuple[str, ...]) -> None:
    done = command(*words)
    assert done.code == Exit.REFUSED and "shared_heads" in done.told


def test_a_study_is_a_claim_figure_by_figure(command: Command) -> None:
    assert [line["study"] for line in command("study").lines] == list(claims())
    done = command("study", "hallucinated_object", "--scenes", 1)
    assert done.code == Exit.DONE
    *figures, last = done.lines
    assert last["study"] == "absent_thing" and last["verdict"] == "undecided"
    assert all({"what", "of", "estimate", "control"} <= set(figure) for figure in figures)


def test_a_study_that_this_model_cannot_be_asked_says_so(command: Command) -> None:
    done = command("study", "kept_heads", "--scenes", 1)
    assert done.code == Exit.IMPOSSIBLE and "Choose the embedded model" in done.told
