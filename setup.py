"""How the folder `core/` becomes the package `sightline`. Everything that can be declared stands in pyproject.toml.

In the repository the screens are Home.py and pages/, beside `core/` and written against it. In the wheel they stand in
`sightline/dashboard/` with the settings of `.streamlit/`, and import `sightline`.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
FOLDER, PACKAGE, DASHBOARD = "core", "sightline", "dashboard"
IMPORT = re.compile(rf"^(\s*(?:from|import)\s+){FOLDER}\b", re.MULTILINE)


def screens() -> Iterator[tuple[str, str]]:
    """Each file of the dashboard as it stands in the wheel: its path in the dashboard's folder, and its text."""
    for source in (ROOT / "Home.py", *sorted((ROOT / "pages").glob("*.py"))):
        text = IMPORT.sub(rf"\g<1>{PACKAGE}", source.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text)):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] == FOLDER for name in named):
                raise ValueError(f"{source.name}, line {node.lineno}, would import {FOLDER} in the wheel")
        yield source.relative_to(ROOT).as_posix(), text
    settings = ".streamlit/config.toml"
    yield settings, (ROOT / settings).read_text(encoding="utf-8")


class BuildWithScreens(build_py):
    """The modules and their data, and the dashboard."""

    def run(self) -> None:
        if not self.editable_mode:
            # What an earlier build left there may be gone from the tree.
            shutil.rmtree(Path(self.build_lib, PACKAGE), ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for name, text in screens():
                file = Path(self.build_lib, PACKAGE, DASHBOARD, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        own = [] if self.editable_mode else [name for name, _ in screens()]
        return [
            *super().get_outputs(include_bytecode),
            *(str(Path(self.build_lib, PACKAGE, DASHBOARD, name)) for name in own),
        ]


def packages() -> list[str]:
    """Every folder that holds a module, whether it has an __init__.py or not: none is to be forgotten."""
    folders = {source.parent.relative_to(ROOT / FOLDER) for source in (ROOT / FOLDER).rglob("*.py")}
    return sorted(".".join((PACKAGE, *folder.parts)) for folder in folders)


setup(
    packages=packages(),
    package_dir={PACKAGE: FOLDER},
    package_data={PACKAGE: ["py.typed"], f"{PACKAGE}.assets": ["*.json", "street-llava*/**"]},
    cmdclass={"build_py": BuildWithScreens},
)
