"""Made-up lines of a journal of doubt."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.cases.journal import Record
from core.doubt.measuring import Line, read_line
from core.doubt.registry import signals


def record(number: int, seed: int = 0, apart: float = 1.5, keys: tuple[str, ...] | None = None) -> Record:
    """The line of a case: every third answer is wrong, and signals tell its key word by about so many standard
    deviations; every fourth takes a thing to be there that is not."""
    rng = np.random.default_rng([seed, number])
    right, there = number % 3 != 0, number % 4 != 0
    words = [
        {"text": "dog", "key": False, "thing": True, "wrong": True if not there else False if right else None},
        {"text": "red", "key": True, "thing": False, "wrong": not right},
    ]
    told: dict[str, Any] = {}
    for key, signal in signals().items():
        if keys is not None and key not in keys:
            continue
        doubts = [apart * (word["wrong"] is True) + float(rng.standard_normal()) for word in words]
        turned = doubts if signal.doubtful == "higher" else [-one for one in doubts]
        told[key] = [float(np.exp(one)) for one in turned] if signal.scale == "log" else turned
    family = "one" if number % 2 else "other"
    about: Record = {"case": f"case {number}", "key": "k", "family": family, "said": "The dog is red."}
    return {**about, "right": right, "there": there, "words": words, "values": told, "refused": {}}


def lines(cases: int = 120, **more: Any) -> list[Line]:
    """Lines of so many cases."""
    return [read_line(record(number, **more)) for number in range(cases)]
