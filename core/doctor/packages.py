"""Which packages are asked for, which are there, and whether they fit and can be imported."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from importlib.resources import files
from pathlib import Path

from .privacy import told

NAME = "sightline"
ONLY_IN_THE_APP = {"streamlit-drawable-canvas"}
"""What cannot be imported outside a running app."""
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?P<range>[^;]*?)\s*(?:;.*extra\s*==\s*['\"](?P<extra>[\w.-]+)['\"])?")


@dataclass(frozen=True)
class Requirement:
    """A package in a range of versions such as ">=2.13,<3", for everything or for one extra."""

    name: str
    range: str
    extra: str | None = None


@dataclass(frozen=True)
class Package:
    """What is there of a requirement. `version` is None where it is not installed, `fits` where nobody can tell;
    `trouble` says why it cannot be imported."""

    requirement: Requirement
    version: str | None
    fits: bool | None
    trouble: str | None = None

    @property
    def broken(self) -> bool:
        """Whether nothing works without it, and it is not there or does not import."""
        return self.requirement.extra is None and (self.version is None or self.trouble is not None)


def requirements() -> list[Requirement]:
    """What pyproject.toml declares: of the repository, where this is one, or else of the installed package."""
    declared = Path(str(files(__name__.partition(".")[0]))).parent / "pyproject.toml"
    if declared.is_file():
        project = tomllib.loads(declared.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == NAME:
            groups = {None: project["dependencies"], **project["optional-dependencies"]}
            return [_read(line, extra) for extra, lines in groups.items() for line in lines]
    try:
        return [_read(line) for line in requires(NAME) or []]
    except PackageNotFoundError:
        return []


def _read(line: str, extra: str | None = None) -> Requirement:
    written = _REQUIREMENT.fullmatch(line)
    if written is None:
        raise ValueError(f"no requirement that can be read: {line!r}")
    return Requirement(written["name"], written["range"].strip("() "), extra or written["extra"])


def examined() -> Iterator[Package]:
    """Each requirement; those that everything needs are imported."""
    modules = _modules()
    for wanted in requirements():
        there = _version(wanted.name)
        importable = there and wanted.extra is None and wanted.name not in ONLY_IN_THE_APP
        trouble = _importing(modules.get(_plain(wanted.name))) if importable else None
        yield Package(wanted, there, _fits(wanted, there), trouble)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _fits(wanted: Requirement, there: str | None) -> bool | None:
    if there is None:
        return None
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return None
    return SpecifierSet(wanted.range).contains(there, prereleases=True)


def _modules() -> dict[str, str]:
    """By the name of a distribution what it is imported by: the module of its own name, or else its first public
    one."""
    modules_of: dict[str, list[str]] = {}
    for module, owners in packages_distributions().items():
        for owner in owners:
            modules_of.setdefault(_plain(owner), []).append(module)
    return {
        owner: next((module for module in modules if _plain(module) == owner), min(modules, key=_public))
        for owner, modules in modules_of.items()
    }


def _public(module: str) -> tuple[bool, str]:
    return module.startswith("_"), module


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _importing(module: str | None) -> str | None:
    """Why a module cannot be imported; None where it can. What it prints is not for a report."""
    if module is None:
        return "it has no module that could be imported"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            importlib.import_module(module)
        except Exception as error:  # a broken package can fail with anything
            return told(error)
    return None
