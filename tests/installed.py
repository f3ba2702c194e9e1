"""Sightline as others have it: its wheel, built from a copy of the tree, installed into an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    *("core", "pages", ".streamlit", "Home.py", "setup.py", "pyproject.toml", "MANIFEST.in"),
    *("README.md", "CHANGELOG.md", "LICENSE", "CITATION.cff"),
)
"""What a wheel is made of. Were something to be missing here, it would be missing in the wheel, and so be found."""
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel, and beside it the packages that these tests run with."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def program(self) -> Path:
        """The command `sightline`."""
        return self.folder / "bin" / "sightline"

    @property
    def package(self) -> Path:
        """The folder of the package."""
        [package] = self.folder.glob("lib/python*/site-packages/sightline")
        return package

    def run(
        self, *program: object, cwd: Path, stdin: IO[str] | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a folder, with nothing of this repository on its path."""
        return subprocess.run(
            [str(part) for part in program],
            cwd=cwd,
            env=environment(**variables),
            stdin=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )


def environment(**variables: str) -> dict[str, str]:
    """This process's variables but for those that would bring the repository along, and offline."""
    dropped = {"PYTHONPATH", "VIRTUAL_ENV", "SIGHTLINE_MODEL"}
    return {**{k: v for k, v in os.environ.items() if k not in dropped}, "HF_HUB_OFFLINE": "1", **variables}


def copied(folder: Path) -> Path:
    """A copy of what a wheel is made of, as a fresh clone has it."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def built(tree: Path, out: Path, what: str = "wheel") -> Path:
    """The wheel or the source archive ("sdist") of a tree. Needs no network."""
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{what}", str(out)],
        cwd=tree,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / done.stdout.split()[-1]


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel into an empty environment, and lay this environment's packages beside it."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin" / "python")]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    done = subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--no-compile", str(wheel)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Only after the installation, to which an older Sightline there would be one that is installed already.
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "beside.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return Installed(folder)
