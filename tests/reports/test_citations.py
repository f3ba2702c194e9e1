"""What a method says of itself is cited, and the list is that of CITATION.cff."""

from __future__ import annotations

from core.explainers.registry import explainers
from core.reports.citations import bibtex, cited, in_words, key, own, references
from tests.reports.references import FILE, text


def test_the_list_is_that_of_the_citation_file() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "CITATION.cff has changed: run `make references`"


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
    in_turn = [in_words(one) for one in cited(["Yu and Ananiadou (2024)"])]
    assert [line.partition(".")[0] for line in in_turn] == ["Yu and Ananiadou (2024a)", "Yu and Ananiadou (2024b)"]
    assert "author = {Adebayo, Julius and others}" in bibtex(cited(["Adebayo et al. 2018"])[0])
