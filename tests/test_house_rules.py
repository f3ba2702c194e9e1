"""The rules that keep the house in order and that neither ruff, mypy nor import-linter can see."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_PAGE = 180
IMPORTED_BY_TRANSFORMERS = {"num2words"}
"""Required by an architecture of theirs, and by nothing of ours."""


def sources(*folders: str) -> list[Path]:
    """The Python files of some folders, and Home.py, as far as they exist."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    home = ROOT / "Home.py"
    return [*paths, home] if home.exists() else paths


@cache
def tree(path: Path) -> ast.Module:
    """A file as Python reads it."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_packages(path: Path) -> Iterator[str]:
    """The top-level packages a file imports anywhere in it, also inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def inside(path: Path, *folders: str) -> bool:
    return any((ROOT / folder) in path.parents for folder in folders)


def test_browser_tests_open_every_page_where_script_errors_are_heard() -> None:
    pattern = re.compile(r"sync_playwright|new_context|browser\.new_page")
    openers = [path.name for path in sources("tests/browser") if pattern.search(path.read_text(encoding="utf-8"))]
    assert openers == ["conftest.py"]


def requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-r "))]


def test_streamlit_is_imported_only_by_the_user_interface() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources("core", "pages", "benchmarks")
        if {"streamlit", "streamlit_drawable_canvas"} & set(imported_packages(path))
        and not inside(path, "core/ui", "pages")
        and path != ROOT / "Home.py"
    ]
    assert offenders == []


def test_transformers_is_imported_only_where_models_live() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources("core", "pages")
        if "transformers" in set(imported_packages(path)) and not inside(path, "core/vlm/hf", "core/street", "core/zoo")
    ]
    assert offenders == []


def test_nothing_is_looked_for_where_the_repository_would_have_it() -> None:
    """Installed, the package lies elsewhere: what comes with it is read through `core.assets`."""
    offenders = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "core").rglob("*.py")
        if "__file__" in path.read_text(encoding="utf-8")
    ]
    assert offenders == []


def test_inside_the_package_imports_are_relative() -> None:
    """It is called `core` here and `sightline` where it is installed."""
    offenders = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "core").rglob("*.py")
        if {"core", "sightline"} & set(imported_packages(path))
    ]
    assert offenders == []


WRITERS = {
    "core/writing.py": "the one that all others use",
    "core/cli/console.py": "opens what swallows the rest of standard output",
    "core/cases/journal.py": "adds lines, each of which is on the disk before the next",
    "core/gate/token_file.py": "adds lines to a file that nobody else may read",
    "core/runs/bundle.py": "unpacks into a folder that takes its name when it is whole",
    "core/street/stages.py": "adds lines to the log of a training",
    "core/vlm/hf/hub.py": "adds to a download that goes on where it was",
    "core/vlm/memory.py": "writes to a file of Linux that is none",
}


def writes(path: Path) -> Iterator[int]:
    """The lines of a file at which it opens another one to write it, or writes it at once."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
        modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        to_write = any(re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", mode) for mode in modes) or any(
            re.search(r"O_(WRONLY|RDWR|CREAT|APPEND)", ast.unparse(one)) for one in node.args
        )
        if name in ("write_text", "write_bytes", "mkstemp") or (name in ("open", "fdopen", "FileIO") and to_write):
            yield node.lineno


def test_files_are_written_whole_or_not_at_all_by_one_helper() -> None:
    found = {str(path.relative_to(ROOT)): lines for path in sources("core", "pages") if (lines := list(writes(path)))}
    assert set(found) == set(WRITERS), found


def test_pages_are_tables_of_contents() -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in sources("pages")}
    assert {name: length for name, length in lengths.items() if length > LONGEST_PAGE} == {}


def test_no_page_draws_markup_of_its_own() -> None:
    """Model output and file names are untrusted, and raw HTML is how they would get in."""
    pattern = re.compile(r"unsafe_allow_html|unsafe_allow_javascript|components\.v1")
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources("core", "pages")
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert offenders == []


def test_a_fragment_keeps_what_is_new_and_has_a_net_under_it() -> None:
    """A click in one runs it without its page, and so without what `frame` has around that."""
    makers = [path.name for path in sources("core", "pages") if "st.fragment" in path.read_text(encoding="utf-8")]
    assert makers == ["part.py"]


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-ray.txt", "requirements-models.txt"]
)
def test_requirements_are_pinned_exactly(name: str) -> None:
    assert requirements(name), "an empty requirements file would pass every other check"
    assert [line for line in requirements(name) if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)] == []


def test_readme_says_why_each_requirement_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files = ("requirements.txt", "requirements-dev.txt", "requirements-ray.txt", "requirements-models.txt")
    pins = [pin for file in files for pin in requirements(file)]
    names = [line.split("==")[0] for line in pins]
    assert [name for name in names if not re.search(rf"^- `{re.escape(name)}`: \S.*", readme, re.MULTILINE)] == []


def module_of(pin: str) -> str:
    """The package that a requirement installs, by the name it is imported by."""
    name = pin.split("==")[0]
    modules = {"pillow": "PIL", "scikit-image": "skimage", "scikit-learn": "sklearn", "causal-learn": "causallearn"}
    modules |= {"vl-convert-python": "vl_convert"}
    return modules.get(name, name.replace("-", "_"))


def test_what_the_program_imports_is_required_and_what_is_required_is_imported() -> None:
    """Another requirement may bring a package along today, and drop it tomorrow."""
    imported = {package for path in sources("core", "pages") for package in imported_packages(path)}
    required = {
        module_of(pin)
        for file in ("requirements.txt", "requirements-ray.txt", "requirements-models.txt")
        for pin in requirements(file)
    }
    assert imported - set(sys.stdlib_module_names) - {"core"} == required - IMPORTED_BY_TRANSFORMERS


def test_a_figure_that_is_not_known_is_a_dash_in_every_table() -> None:
    """Streamlit's own word for it is None."""
    offenders = []
    for path in sources("core/ui"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.dataframe":
                told = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if told.get("placeholder") != "'–'":
                    offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert offenders == []
