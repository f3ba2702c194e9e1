"""`python -m tests.reports.references`: the papers of CITATION.cff as reports read them."""

from __future__ import annotations

import json

import yaml

from tests.installed import ROOT

FILE = ROOT / "core" / "assets" / "references.json"
NOTE = "Made from CITATION.cff by `make references`; tests hold them to be the same."


def text() -> str:
    """What the file says."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    software = {name: cited[name] for name in ("title", "version", "license", "authors")}
    whole = {"note": NOTE, "software": software, "references": cited["references"]}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
