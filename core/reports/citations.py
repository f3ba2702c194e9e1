"""Papers that texts name by author and year, as BibTeX: what a report cites is what its methods say of themselves.

The list is that of CITATION.cff.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ..assets import asset
from ..version import __version__

Reference = Mapping[str, Any]
_ENTRIES = {"conference-paper": "inproceedings", "article": "article", "book": "book", "software": "software"}
OTHERS = "and others"
_NEAR = 60
"""Letters between the first author's name and the year, at most."""


@cache
def _listed() -> Mapping[str, Any]:
    listed: Mapping[str, Any] = json.loads(asset("references.json").read_text(encoding="utf-8"))
    return listed


def references() -> tuple[Reference, ...]:
    """Every paper whose method is implemented here."""
    return tuple(_listed()["references"])


def cited(texts: Iterable[str]) -> tuple[Reference, ...]:
    """The papers that some texts name: by their first author, and near that their year."""
    whole = " ".join(" ".join(text.split()) for text in texts)
    return tuple(one for one in references() if re.search(_pattern(one), whole))


def _pattern(reference: Reference) -> str:
    return rf"\b{re.escape(_name(reference['authors'][0]))}\b[^;\d]{{0,{_NEAR}}}\b{reference['year']}"


def own() -> Reference:
    """Sightline itself."""
    return {**_listed()["software"], "type": "software", "version": __version__}


def bibtex(reference: Reference) -> str:
    """A paper as an entry of BibTeX."""
    where = reference.get("conference", {}).get("name")
    kind = _ENTRIES.get(reference["type"], "misc")
    fields = {
        "title": f"{{{reference['title']}}}",
        "author": " and ".join(map(_written, reference["authors"])),
        "year": reference.get("year"),
        "booktitle": where,
        "journal": reference.get("journal"),
        "publisher": reference.get("publisher", {}).get("name"),
        "version": reference.get("version"),
        "url": reference.get("url"),
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@{kind}{{{key(reference)},\n{body}\n}}"


def key(reference: Reference) -> str:
    """What an entry is called: "chefer2021generic"."""
    if reference["type"] == "software":
        return "sightline"
    first = re.sub(r"[^a-z]", "", _name(reference["authors"][0]).lower())
    word = next((word for word in re.findall(r"[a-z]+", reference["title"].lower()) if len(word) > 3), "")
    return f"{first}{reference.get('year', '')}{word}"


def shortly(reference: Reference) -> str:
    """A paper by its authors and its year, with a letter where the list has another one of theirs of that year."""
    who, year = _authors(reference), reference["year"]
    alike = [one for one in references() if (_authors(one), one["year"]) == (who, year)]
    letter = chr(ord("a") + alike.index(reference)) if len(alike) > 1 and reference in alike else ""
    return f"{who} ({year}{letter})"


def _authors(reference: Reference) -> str:
    names = [_name(author) for author in reference["authors"]]
    if len(names) == 2 and names[1] != OTHERS:
        return f"{names[0]} and {names[1]}"
    return f"{names[0]}{' et al.' if len(names) > 1 else ''}"


def in_words(reference: Reference) -> str:
    """A paper in a line."""
    where = reference.get("conference", {}).get("name") or reference.get("journal") or ""
    title = reference["title"].rstrip(".")
    return f"{shortly(reference)}. {title}{'' if title[-1] in '?!' else '.'}{f' {where}.' if where else ''}"


def _name(author: Mapping[str, str]) -> str:
    return author.get("family-names") or author.get("name") or author["alias"]


def _written(author: Mapping[str, str]) -> str:
    if "family-names" not in author:
        return "others" if _name(author) == OTHERS else f"{{{_name(author)}}}"
    given = author.get("given-names")
    return f"{author['family-names']}, {given}" if given else author["family-names"]
