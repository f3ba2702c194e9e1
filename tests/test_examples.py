"""The notebooks run as they stand with the installed package, and find what they say."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from tests.installed import Installed

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.ipynb"))
RUN = """
import ast, json, sys
import nbformat

names, shown = {}, []
for cell in nbformat.read(sys.argv[1], as_version=4).cells:
    if cell.cell_type == "code":
        body = ast.parse(cell.source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), "notebook", "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), "notebook", "eval"), names)
        shown.append(value if isinstance(value, str | dict) else type(value).__name__)
print(json.dumps(shown))
"""
"""Prints what each code cell would show: the value of the expression that it ends with, or the name of its type."""


@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_carries_no_stale_output(notebook: Path) -> None:
    case_set = nbformat.read(notebook, as_version=4)
    nbformat.validate(case_set)
    assert [cell for cell in case_set.cells if cell.get("outputs")] == []


def test_the_notebook_asks_explains_and_tests(installed: Installed, tmp_path: Path) -> None:
    [notebook] = EXAMPLES
    done = installed.run(installed.python, "-c", RUN, notebook, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    picture, said, drawn, tested, figures = json.loads(done.stdout.splitlines()[-1])
    assert picture == drawn == "Image"
    assert said == "The house is orange."
    assert tested.startswith("removing its top 20 % of patches lowers the word's probability")
    own, random = figures["deletion"]
    assert own < random
