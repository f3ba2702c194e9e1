"""What is installed works from any folder: the command, the library, and the dashboard's pages."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.installed import ROOT, Installed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the environment's folders are laid out otherwise")


def cluttered(folder: Path) -> Path:
    """A folder with a picture and with files whose names are those of packages."""
    Image.new("RGB", (120, 90), "orange").save(folder / "orange.png")
    (folder / "torch.py").write_text("raise RuntimeError('the file of this folder was taken for torch')\n")
    (folder / "core.py").write_text("raise RuntimeError('the file of this folder was taken for core')\n")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return cluttered(tmp_path)


def test_the_command_says_what_it_can_do(installed: Installed, elsewhere: Path) -> None:
    done = installed.run(installed.program, "--help", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "Usage: sightline [OPTIONS]" in done.stdout and "doctor" in done.stdout


def test_the_embedded_model_answers(installed: Installed, elsewhere: Path) -> None:
    question = "What color is the house?"
    done = installed.run(installed.program, "ask", "--image", "orange.png", "--question", question, cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["model"] == "street-llava" and told["answer"]


def test_the_module_is_the_same_program(installed: Installed, elsewhere: Path) -> None:
    done = installed.run(installed.python, "-P", "-m", "sightline", "cases", "formats", "--help", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "Usage: python -m sightline cases formats" in done.stdout


def test_the_doctor_reads_what_the_wheel_requires(installed: Installed, elsewhere: Path) -> None:
    done = installed.run(installed.program, "doctor", "--json", cwd=elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["repository"] is False and told["right"] is True
    names = {package["requirement"]["name"] for package in told["packages"]}
    assert {"torch", "streamlit", "ray"} <= names
    assert str(Path.home()) not in done.stdout and str(installed.folder) not in done.stdout


LIBRARY = """
import json, sys
import sightline
costly = sorted({"torch", "transformers", "streamlit", "pandas"} & set(sys.modules))
model = sightline.load_model()
answer = sightline.ask(model, "What color is the house?", sightline.street_scene(27))

from pathlib import Path
from streamlit.testing.v1 import AppTest
from sightline.cli.dashboard import home

sys.path.insert(0, str(home().parent))
at = AppTest.from_file(str(home()), default_timeout=120).run()
pages = []
for page in [None, *sorted((home().parent / "pages").glob("*.py"))]:
    if page is not None:
        at.switch_page(f"pages/{page.name}").run()
    pages.append((at.title[0].value, [error.value for error in (*at.exception, *at.error)]))
own = sorted(name for name in sys.modules if name == "core" or name.startswith("core."))
print(json.dumps({"costly": costly, "said": answer.text, "pages": pages, "own": own}))
"""


@pytest.fixture(scope="module")
def library(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the library says in a process of its own, and then the pages of the dashboard."""
    done = installed.run(installed.python, "-P", "-c", LIBRARY, cwd=cluttered(tmp_path_factory.mktemp("elsewhere")))
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_library_is_imported_at_no_cost(library: dict[str, Any]) -> None:
    assert library["costly"] == []


def test_the_library_answers(library: dict[str, Any]) -> None:
    assert library["said"] == "The house is orange."


def test_every_page_of_the_dashboard_opens(library: dict[str, Any]) -> None:
    titles = dict(library["pages"])
    assert titles == {title: [] for title in titles} and "Sightline" in titles
    assert len(titles) == 1 + len(list((ROOT / "pages").glob("*.py")))


def test_nothing_is_imported_by_the_name_of_the_folder(library: dict[str, Any]) -> None:
    assert library["own"] == []
