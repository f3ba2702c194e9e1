"""core.vlm is a contract: nothing in it knows what runs a model, but the one place that chooses a backend."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import core.vlm

FOLDER = Path(str(core.vlm.__file__)).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
BACKEND = ("transformers", "tokenizers", "huggingface_hub", "core.vlm.hf")

PROGRAM = f"""
import importlib, sys
for name in {MODULES!r}:
    importlib.import_module("core.vlm." + name)
print(sorted(name for name in {BACKEND!r} if name in sys.modules))
"""


def test_importing_the_contract_imports_no_backend() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", MODULES)
def test_no_module_of_the_contract_names_the_backend(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    backends = {node.module for node in imported if (node.module or "").split(".")[0] in ("hf", *BACKEND)}
    assert backends == ({"hf"} if name == "loading" else set())
