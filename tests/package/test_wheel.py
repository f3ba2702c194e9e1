"""The wheel holds the whole tree under its own name, and nothing of the name that the folder has in the repository."""

from __future__ import annotations

import ast
import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installed import ROOT, built, copied


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/") and ".dist-info/" not in name}


def names_in_tree(root: Path) -> set[str]:
    """What the wheel of a tree should hold."""
    own = {path.relative_to(root / "core").as_posix() for path in (root / "core").rglob("*") if path.is_file()}
    screens = {path.relative_to(root).as_posix() for path in [root / "Home.py", *(root / "pages").glob("*.py")]}
    return {f"sightline/{name}" for name in own if "__pycache__" not in name} | {
        f"sightline/dashboard/{name}" for name in {*screens, ".streamlit/config.toml"}
    }


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_every_file_of_the_tree_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    assert names_in(wheel) == names_in_tree(ROOT)


def test_nothing_in_the_wheel_imports_the_folder_by_its_name_in_the_repository(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sources = {name: archive.read(name).decode("utf-8") for name in archive.namelist() if name.endswith(".py")}
    offenders = [name for name, text in sources.items() if "core" in {each.split(".")[0] for each in imports(text)}]
    assert offenders == []
    assert "from sightline.ui" in sources["sightline/dashboard/Home.py"]


def test_the_wheel_says_whose_it_is_and_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode("utf-8")
    assert "License-Expression: Apache-2.0" in metadata
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(re.findall(r"^Provides-Extra: (\S+)", metadata, re.MULTILINE))
    assert extras == project["optional-dependencies"].keys() >= {"ray", "dev"}
    assert re.search(r"^Requires-Dist: torch[<>=,.0-9]+$", metadata, re.MULTILINE)


def test_a_wheel_of_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    import tarfile

    archive = built(copied(tmp_path / "tree"), tmp_path / "sdist", "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    [tree] = (tmp_path / "unpacked").iterdir()
    assert names_in(built(tree, tmp_path / "dist")) == names_in(wheel)


def test_what_an_earlier_build_left_is_not_in_the_wheel(wheel: Path, tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    left = tree / "build" / "lib" / "sightline" / "gone.py"
    left.parent.mkdir(parents=True)
    left.write_text("import core\n")
    assert names_in(built(tree, tmp_path / "dist")) == names_in(wheel)


def test_a_page_that_would_import_the_folder_by_its_name_is_not_built(tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    page = tree / "pages" / "1_Chat.py"
    page.write_text("import os, core.answer\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"1_Chat.py, line 1, would import core in the wheel"):
        built(tree, tmp_path / "dist")
