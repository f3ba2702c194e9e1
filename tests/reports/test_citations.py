"""What a method says of itself is cited, and the list is that of CITATION.cff."""

from __future__ import annotations

import json

import yaml

from core.assets import asset
from core.explainers.registry import explainers
from core.reports.citations import bibtex, cited, in_words, key, own, references
from tests.installed import ROOT


def test_the_list_is_that_of_the_citation_file() -> None:
    """After a change of CITATION.cff: write `references`, and of the software `title` to `authors`, there as JSON."""
    file = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    kept = json.loads(asset("references.json").read_text(encoding="utf-8"))
    assert kept["references"] == file["references"]
    assert all(file[name] == value for name, value in kept["software"].items() if name != "version")


def test_methods_cite_their_papers() -> None:
    named = {name: [key(one) for one in cited([type(method).__doc__ or ""])] for name, method in explainers().items()}
    assert named["relevancy"] == ["chefer2021generic"] and named["rollout"] == ["abnar2020quantifying"]
    assert named["random"] == [] and cited(["Chefer and others, 2022", "Meng, see 1999"]) == ()


def test_every_paper_is_an_entry_of_its_own() -> None:
    keys = [key(one) for one in references()]
    assert len({*keys}) == len(keys)
    for one in (*references(), own()):
        entry = bibtex(one)
        assert entry.startswith("@") and entry.count("{") == entry.count("}") and one["title"] in entry
    assert in_words(cited(["Yu and Ananiadou (2024)"])[0]).startswith("Yu and Ananiadou (2024). ")
    assert "author = {Adebayo, Julius and others}" in bibtex(cited(["Adebayo et al. 2018"])[0])
