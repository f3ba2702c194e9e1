"""The league from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from core.cases import folder_league
from core.cases.kept_leagues import kept_leagues
from core.cases.league_file import read_league_file
from core.cli.console import Exit
from core.vlm.forecast import Forecast
from core.vlm.pass_costs import NOTHING
from tests.cases.folders import picture
from tests.cli.conftest import Command


def test_the_summary_names_the_command_that_gives_it(command: Command, tmp_path: Path) -> None:
    out, summary = tmp_path / "league.jsonl", tmp_path / "league.json"
    options = ["--cases", "1", "--method", "raw_attention", "--family", "object colour"]
    done = command("league", *options, "--out", str(out), "--summary", str(summary))
    assert done.code == Exit.DONE
    about = done.lines[-1]
    assert about["command"] == (
        f'sightline league --cases 1 --method raw_attention --family "object colour" --out {out} --summary {summary}'
    )
    assert read_league_file(summary).command == about["command"]
    assert json.loads(summary.read_text(encoding="utf-8"))["model"] == about["model"]


def test_a_method_that_is_none_is_refused_with_those_there_are(command: Command, tmp_path: Path) -> None:
    done = command("league", "--method", "guess", "--out", str(tmp_path / "league.jsonl"))
    assert done.code == Exit.REFUSED and "raw_attention" in done.told


def test_a_folders_league_is_kept_for_the_model_and_needs_no_file(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))
    about = {"family": "plain", "said": "no", "method": "raw_attention", "pass": [1.0, 1.0]}
    scored = {**about, "figures": {"deletion": {"value": 0.2}}, "processor": 0.1, "seconds": 0.1}
    monkeypatch.setattr(folder_league, "score_case", lambda model, case, *_: [{**scored, "case": case.id}])
    monkeypatch.setattr("core.cases.ranking.passed", lambda method: None)  # what it says is a matter of its own
    monkeypatch.setattr("core.cli.folder_league.expected_here", lambda *_: Forecast(NOTHING, 0.0))
    folder = tmp_path / "mine"
    Image.new("RGB", (160, 160), "grey").save(picture(folder / "0.png"))
    (folder / "cases.csv").write_text("image,question,expected,mask\n0.png,Is there a dog?,no,0 0 50 50\n")
    done = command("league", "--folder", folder, "--method", "raw_attention")
    about = done.lines[-1]
    assert (done.code, about["scored"], about["masked"], about["recommended"]) == (0, 1, 1, "raw_attention")
    assert "On 1 case of mine, 1 with a mask" in done.told and "Relevancy recommends by it" in done.told
    [kept] = kept_leagues(tmp_path / "data", about["model"])
    assert kept.command == f'sightline league --folder "{folder}" --cases 100 --method raw_attention'


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "with --folder"),
        (("--folder", "gone"), "gone"),
        (("--folder", "x", "--family", "count"), "of drawn scenes"),
    ],
)
def test_a_league_of_nothing_is_refused(command: Command, options: tuple[str, ...], told: str) -> None:
    done = command("league", *options)
    assert done.code == Exit.REFUSED and told in done.told
