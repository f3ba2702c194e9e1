"""What the README tells a newcomer to type works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from core.cases.league_file import read_league_file
from core.cases.league_table import table
from core.claims.report import read_results
from core.cli.app import app
from core.vlm.hf.families.registry import families
from tests.installed import Installed

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_lines_in_python_run_with_the_installed_package(installed: Installed, tmp_path: Path) -> None:
    done = installed.run(installed.python, "-c", "\n".join(BLOCKS), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for said in ("The house is orange.", "removing its top 20% of patches"):
        assert said in done.stdout


@pytest.mark.parametrize("line", re.findall(r"^sightline (\w.*)$", README, re.MULTILINE))
def test_every_command_takes_the_options_it_is_shown_with(line: str) -> None:
    command, arguments = typer.main.get_command(app), shlex.split(line, comments=True)
    while isinstance(command, TyperGroup):
        command = command.commands[arguments.pop(0)]
    command.make_context("core", arguments)


def test_every_make_target_that_is_named_is_one() -> None:
    makefile = (Path(__file__).resolve().parents[1] / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"^make (?:[A-Z]+=\S+ )?([a-z-]+)", README, re.MULTILINE))
    assert named and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_every_family_that_is_named_is_described() -> None:
    section = README.split("## Which models\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", "".join(line for line in section.splitlines() if line.startswith("| "))))
    assert len(named) > 10
    assert named - {"model_type"} <= {kind for family in families().values() for kind in family.model_types}


def test_the_league_is_the_one_that_is_kept() -> None:
    kept = read_league_file()
    told = README.split("## Which map is true\n")[1].split("\n## ")[0]
    assert table(kept.league) in told and kept.command in told
    assert f"{sum(kept.league.asked.values()):,} questions" in " ".join(told.split())


def test_every_figure_of_the_findings_is_in_their_file() -> None:
    told = README.split("## Findings\n")[1].split("\n## ")[0]
    results = read_results()
    assert f"`{results.command}`" in told
    estimates = [figure.estimate for report in results.reports for figure in report.figures]
    values = [number for one in estimates for number in (one.value, one.low, one.high)]
    words = " ".join(report.because for report in results.reports)
    for figure in re.findall(r"−?\d+\.\d+", told):
        number, places = float(figure.replace("−", "-")), len(figure.split(".")[1])
        # Shares are told in percent, and as heads of ten.
        known = any(
            abs(scale * value - number) <= 0.5 * 10.0**-places + 1e-9 for value in values for scale in (1, 100, 10)
        )
        assert known or figure in words, f"{figure} is in no claim"
