"""The notebooks run as they stand, and find what they say."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.ipynb"))


def run(notebook: Path) -> list[Any]:
    """What each code cell would show: the value of the expression that it ends with, or None."""
    names: dict[str, Any] = {}
    shown = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        body = ast.parse(cell.source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), notebook.name, "exec"), names)
        shown.append(None if last is None else eval(compile(ast.Expression(last.value), notebook.name, "eval"), names))
    return shown


@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_carries_no_stale_output(notebook: Path) -> None:
    found = nbformat.read(notebook, as_version=4)
    nbformat.validate(found)
    assert [cell for cell in found.cells if cell.get("outputs")] == []


def test_the_notebook_asks_explains_and_tests() -> None:
    [notebook] = EXAMPLES
    *_, said, drawn, tested, figures = run(notebook)
    assert said == "The house is orange."
    assert isinstance(drawn, Image.Image)
    assert tested.startswith("removing its top 20 % of patches lowers the word's probability")
    own, random = figures["deletion"]
    assert own < random
