"""What the project says of itself in several places says the same in each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core import __version__
from tests.installed import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PINS = {
    "requirements.txt": PROJECT["dependencies"],
    "requirements-dev.txt": PROJECT["optional-dependencies"]["dev"],
    "requirements-ray.txt": PROJECT["optional-dependencies"]["ray"],
    "requirements-models.txt": [
        requirement
        for extra in ("peft", "bitsandbytes", "several-gpus", "video")
        for requirement in PROJECT["optional-dependencies"][extra]
    ],
}
CITED = re.compile(r"([A-Z][A-Za-zé-]+)(?: et al\.)?,? \(?((?:19|20)\d\d)[a-z]?\b")
"""The last name before a year: "Chefer, Gur and Wolf (2021)", "Meng et al. 2022"."""
NO_NAME = {"ACL", "CVPR", "EMNLP", "ICCV", "ICLR", "ICML", "NeurIPS"}


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(pin[0]): pin[1] for line in lines if len(pin := line.split("==")) == 2}


@pytest.mark.parametrize("name", PINS)
def test_every_pin_lies_in_its_range_and_the_names_agree(name: str) -> None:
    ranges = {canonicalize_name(each.name): each.specifier for each in map(Requirement, PINS[name])}
    pinned = pins(name)
    assert set(ranges) == set(pinned)
    assert [each for each in pinned if not ranges[each].contains(pinned[each])] == []


def test_every_requirement_of_the_program_has_a_lower_and_an_upper_bound() -> None:
    for each in map(
        Requirement, [*PINS["requirements.txt"], *PINS["requirements-ray.txt"], *PINS["requirements-models.txt"]]
    ):
        assert {specifier.operator for specifier in each.specifier} == {">=", "<"}, each


def test_the_newest_changes_are_those_of_this_version() -> None:
    headings = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == __version__ == CITATION["version"]
    assert len(headings) == len(set(headings))


def test_the_licence_is_the_one_that_is_named() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == CITATION["license"] == "Apache-2.0"


def test_hooks_run_the_parts_of_lint() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [parts] = re.findall(r"^lint: (.+)$", makefile, re.MULTILINE)
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["entry"].split()[-1] for hook in hooks] == parts.split() == [hook["id"] for hook in hooks]
    assert all(hook["entry"].split()[0] == "make" and hook["pass_filenames"] is False for hook in hooks)


def test_every_reference_has_what_the_citation_format_asks_for() -> None:
    assert CITATION["cff-version"] == "1.2.0" and CITATION["authors"] and CITATION["message"]
    for reference in CITATION["references"]:
        assert {"type", "title", "authors", "year"} <= set(reference), reference
        assert all(author.keys() & {"family-names", "name", "alias"} for author in reference["authors"])
    titles = [reference["title"] for reference in CITATION["references"]]
    assert len(titles) == len(set(titles))


def cited() -> Iterator[tuple[str, str]]:
    """The name and year of each work that the program's text cites."""
    for source in sorted((ROOT / "core").rglob("*.py")):
        for name, year in CITED.findall(source.read_text(encoding="utf-8")):
            if name not in NO_NAME:
                yield name, year


def test_every_work_that_is_cited_is_among_the_references() -> None:
    known = {
        (author.get("family-names"), str(reference["year"]))
        for reference in CITATION["references"]
        for author in reference["authors"]
    }
    assert {*cited()} - known == set()
    assert len({*cited()}) > 30, "or nothing was looked for"
