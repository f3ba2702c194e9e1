"""The notebook and the page about Python run as they stand with the installed package, and find what they say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from tests.installed import Installed

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.ipynb"))
RUN = """
import ast, contextlib, io, json, sys, traceback
import nbformat

def notebook(source):
    names, shown = {}, []
    for cell in nbformat.reads(source, as_version=4).cells:
        if cell.cell_type == "code":
            body = ast.parse(cell.source).body
            last = body.pop() if isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), "notebook", "exec"), names)
            value = None if last is None else eval(compile(ast.Expression(last.value), "notebook", "eval"), names)
            shown.append(value if isinstance(value, str | dict) else type(value).__name__)
    print(json.dumps(shown))

def page(source):
    exec(compile(source, "page", "exec"), {})

for run, source in zip((notebook, page), json.load(sys.stdin)):
    said, fault = io.StringIO(), ""
    with contextlib.redirect_stdout(said):
        try:
            run(source)
        except Exception:
            fault = traceback.format_exc()
    print(json.dumps([said.getvalue(), fault]))
"""
"""Both in one process, each with names of its own: what each prints, and its fault. A notebook prints what each code
cell would show: the value of the expression that it ends with, or the name of its type."""


@dataclass(frozen=True)
class Ran:
    """What the notebook and the page said, the fault of each, and where their files are."""

    notebook: tuple[str, str]
    page: tuple[str, str]
    folder: Path


@pytest.fixture(scope="module")
def ran(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("examples")
    [notebook] = EXAMPLES
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    (folder / "sources.json").write_text(json.dumps([notebook.read_text(encoding="utf-8"), "\n".join(blocks)]))
    with (folder / "sources.json").open() as sources:
        done = installed.run(installed.python, "-c", RUN, cwd=folder, stdin=sources)
    assert done.returncode == 0, done.stderr
    (said, fault), page = map(json.loads, done.stdout.splitlines()[-2:])
    return Ran((said, fault), tuple(page), folder)


@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_carries_no_stale_output(notebook: Path) -> None:
    set_of_cases = nbformat.read(notebook, as_version=4)
    nbformat.validate(set_of_cases)
    assert [cell for cell in set_of_cases.cells if cell.get("outputs")] == []


def test_the_notebook_asks_explains_and_tests(ran: Ran) -> None:
    said, fault = ran.notebook
    assert not fault
    picture, answer, drawn, tested, figures = json.loads(said)
    assert picture == drawn == "Image"
    assert answer == "The house is orange."
    assert tested.startswith("removing its top 20% of patches lowers the probability of its 2 tokens (geometric mean)")
    own, random = figures["deletion"]
    assert own < random


def test_every_example_in_python_runs(ran: Ran) -> None:
    said, fault = ran.page
    assert not fault
    for part in ("The house is orange.", "relevancy | Relevancy", "removing its top 20% of patches", "Graph Edges:"):
        assert part in said
    assert (ran.folder / "map.png").exists()
