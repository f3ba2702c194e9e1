"""A claim of a test, as somebody would drop it into core/claims: one file and no other edited."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import core.claims
from core.claims.registry import claims

KEY = "dropped"
NAME = "Numbers are numbers"
A_CLAIM = f'''
"""A claim of a test."""

from itertools import count

from core.claims.claim import Claim, Conclusion, Sample
from core.statistics.proportion import share
from core.claims.figures import Figure, flags
from core.claims.verdict import holds


class Numbers(Claim):
    """Numbers, looked at one by one."""

    key = "{KEY}"
    name = "{NAME}"
    says = "Every number is one."
    paper = "Nobody 1900"
    link = "https://example.org"
    measured = "Whether it is."
    control = "None."
    rule = "Reproduces where all are."
    caveat = "Much."

    def subjects(self):
        return ((str(number), number) for number in count())

    def measure(self, model, cancel):
        return lambda number, cancel: Sample({{"is": number == number}}, ())

    def conclude(self, measurements):
        figure = Figure("is a number", "numbers", share(flags(measurements, "is")))
        return Conclusion({{"all are": holds(True)}}, f"{{len(measurements)}} numbers.", (figure,))
'''


@contextmanager
def dropped(folder: Path) -> Iterator[None]:
    """The claim is among the others, in a folder that counts as the package's."""
    (folder / "dropped.py").write_text(A_CLAIM, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.claims, "__path__", [*core.claims.__path__, str(folder)])
        claims.cache_clear()
        yield
    claims.cache_clear()
    sys.modules.pop("core.claims.dropped", None)
