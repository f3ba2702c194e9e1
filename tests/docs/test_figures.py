"""The page of figures tells of every method, mechanism, metric, format and claim, by what the code says of it."""

from __future__ import annotations

import re
import runpy
from dataclasses import asdict, dataclass
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
BY_HAND = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
own = runpy.run_path(str(ROOT / "docs" / "_own_sections.py"))
PAGE = own["with_own_sections"](
    BY_HAND,
    [
        *explainers().values(),
        *mechanisms().values(),
        *metrics().values(),
        *formats().values(),
        *claims().values(),
    ],
)


def sections(page: str) -> dict[str, str]:
    """The text below each heading, by heading, its white space made single blanks. Raises ValueError for two alike."""
    parts = re.split(r"^#{2,} +(.*)$", re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE), flags=re.M)
    headings = parts[1::2]
    if len(set(headings)) < len(headings):
        raise ValueError(f"two headings are alike among {headings}")
    return {heading: " ".join(text.split()) for heading, text in zip(headings, parts[2::2], strict=True)}


SECTIONS = sections(PAGE)


def by_key(plugin: Any) -> str:
    return str(plugin.key)


def public(module: str) -> str:
    """The name that a module has for those who install it."""
    return re.sub(r"^core\b", "sightline", module)


@pytest.mark.parametrize(
    "plugin",
    [*explainers().values(), *mechanisms().values(), *metrics().values(), *claims().values()],
    ids=by_key,
)
def test_it_has_a_section_that_names_its_key_and_its_module(plugin: Any) -> None:
    opening = SECTIONS[plugin.name]
    assert opening.startswith(f"`{plugin.key}` · `{public(type(plugin).__module__)}`")


@pytest.mark.parametrize("plugin", [*explainers().values(), *mechanisms().values()], ids=by_key)
def test_its_settings_stand_there_as_they_are_unless_changed(plugin: Any) -> None:
    text = SECTIONS[plugin.name]
    for name, value in asdict(plugin.Settings()).items():
        assert f"`{name}` = {own['shown'](value)}" in text


@pytest.mark.parametrize("metric", metrics().values(), ids=by_key)
def test_which_way_is_better_stands_there(metric: Any) -> None:
    assert f"{metric.better} is better" in SECTIONS[metric.name]


@pytest.mark.parametrize("one", formats().values(), ids=by_key)
def test_the_rates_of_every_format_are_told(one: Any) -> None:
    assert one.name in SECTIONS or f"| {one.name}".casefold() in SECTIONS["Rates"].casefold()


class Newcomer:
    """What a new method says of itself, in one paragraph."""

    @dataclass(frozen=True)
    class Settings:
        share: float = 0.25

    key, name, caveat = "newcomer", "A newcomer", "It tells little."


def test_a_plugin_that_no_hand_has_told_of_is_told_by_what_it_says_of_itself() -> None:
    text = sections(own["with_own_sections"](BY_HAND, [Newcomer(), explainers()["relevancy"]]))
    opening = f"`newcomer` · `{__name__}` What a new method says of itself, in one paragraph. It tells little."
    assert text["A newcomer"] == f"{opening} `share` = 0.25"
    assert text["Relevancy"] == SECTIONS["Relevancy"]


def test_the_defaults_of_a_graph_are_the_ones_that_are_told() -> None:
    settings = GraphSettings()
    text = " ".join(SECTIONS[name] for name in ("Nodes", "Fisher's z", "Ordered ICD, ICD and FCI"))
    assert f"The {settings.image_tokens} image tokens" in text and f"up to {settings.text_tokens} words" in text
    assert f"α = {settings.alpha:.5f} and N = {settings.sample_size}" in text
    assert settings.seconds is not None and f"its {settings.seconds:g} seconds" in text


def test_every_metric_of_a_map_stands_under_evidence() -> None:
    evidence = PAGE.split("\n## Evidence\n")[1].split("\n## ")[0]
    assert all(
        f"\n### {metric.name}\n" in evidence for metric in map_metrics().values() if own["told"](BY_HAND, metric.name)
    )


@pytest.mark.parametrize("name", sorted({*re.findall(r"`(sightline(?:\.\w+)+)`", PAGE)}))
def test_every_module_that_is_named_is_there(name: str) -> None:
    module, _, last = name.replace("sightline", "core", 1).rpartition(".")
    assert find_spec(f"{module}.{last}") is not None or hasattr(import_module(module), last)


def test_no_formula_needs_another_program_to_be_read() -> None:
    """The site is viewed without a network, so nothing on it is typeset by a script."""
    assert "$" not in PAGE and "\\(" not in PAGE and "{math}" not in PAGE
