"""docs/figures.md tells of every method, mechanism, metric, format and claim there is, by what the code says of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from core.cases.formats.registry import formats
from core.causal.settings import GraphSettings
from core.claims.registry import claims
from core.evidence.registry import map_metrics, metrics
from core.explainers.registry import explainers
from core.mechanisms.registry import mechanisms

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")


def sections(page: str) -> dict[str, str]:
    """The text below each heading, by heading, its white space made single blanks. Raises ValueError for two alike."""
    parts = re.split(r"^#{2,} +(.*)$", re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE), flags=re.M)
    headings = parts[1::2]
    if len(set(headings)) < len(headings):
        raise ValueError(f"two headings are alike among {headings}")
    return {heading: " ".join(text.split()) for heading, text in zip(headings, parts[2::2], strict=True)}


SECTIONS = sections(PAGE)


def told(plugins: Iterable[Any]) -> list[Any]:
    """Those that the project has. A file that somebody is trying out, and git does not know, need not be told of."""
    listed = subprocess.run(["git", "ls-files", "core"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = listed.stdout.split()
    return [one for one in plugins if not files or f"{type(one).__module__.replace('.', '/')}.py" in files]


def by_key(plugin: Any) -> str:
    return str(plugin.key)


def shown(value: object) -> str:
    """A setting's value as the page writes it."""
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def public(module: str) -> str:
    """The name that a module has for those who install it."""
    return re.sub(r"^core\b", "sightline", module)


@pytest.mark.parametrize(
    "plugin",
    told([*explainers().values(), *mechanisms().values(), *metrics().values(), *claims().values()]),
    ids=by_key,
)
def test_it_has_a_section_that_names_its_key_and_its_module(plugin: Any) -> None:
    assert plugin.name in SECTIONS, "docs/figures.md has no section of this name: say there how it is computed"
    opening = SECTIONS[plugin.name]
    assert opening.startswith(f"`{plugin.key}` · `{public(type(plugin).__module__)}`")


@pytest.mark.parametrize("plugin", told([*explainers().values(), *mechanisms().values()]), ids=by_key)
def test_its_settings_stand_there_as_they_are_unless_changed(plugin: Any) -> None:
    text = SECTIONS[plugin.name]
    for name, value in asdict(plugin.Settings()).items():
        assert f"`{name}` = {shown(value)}" in text


@pytest.mark.parametrize("metric", told(metrics().values()), ids=by_key)
def test_which_way_is_better_stands_there(metric: Any) -> None:
    assert f"{metric.better} is better" in SECTIONS[metric.name]


@pytest.mark.parametrize("one", told(formats().values()), ids=by_key)
def test_the_rates_of_every_format_are_told(one: Any) -> None:
    assert f"| {one.name}".casefold() in SECTIONS["Rates"].casefold()


def test_the_defaults_of_a_graph_are_the_ones_that_are_told() -> None:
    settings = GraphSettings()
    text = " ".join(SECTIONS[name] for name in ("Nodes", "Fisher's z", "Ordered ICD, ICD and FCI"))
    assert f"The {settings.image_tokens} image tokens" in text and f"up to {settings.text_tokens} words" in text
    assert f"α = {settings.alpha:.5f} and N = {settings.sample_size}" in text
    assert settings.seconds is not None and f"its {settings.seconds:g} seconds" in text


def test_every_metric_of_a_map_stands_under_evidence() -> None:
    evidence = PAGE.split("\n## Evidence\n")[1].split("\n## ")[0]
    assert all(f"\n### {metric.name}\n" in evidence for metric in told(map_metrics().values()))


@pytest.mark.parametrize("name", sorted({*re.findall(r"`(sightline(?:\.\w+)+)`", PAGE)}))
def test_every_module_that_is_named_is_there(name: str) -> None:
    module, _, last = name.replace("sightline", "core", 1).rpartition(".")
    assert find_spec(f"{module}.{last}") is not None or hasattr(import_module(module), last)


def test_no_formula_needs_another_program_to_be_read() -> None:
    """The site is viewed without a network, so nothing on it is typeset by a script."""
    assert "$" not in PAGE and "\\(" not in PAGE and "{math}" not in PAGE
