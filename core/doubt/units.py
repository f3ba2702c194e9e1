"""What is held against what: words of which it is known whether they are wrong, with their signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from .measuring import Line, Word
from .registry import signals
from .signal import Signal

Label = Literal["answer", "thing", "word"]
LABELS: tuple[Label, ...] = get_args(Label)
SAYS: dict[Label, str] = {
    "answer": "this answer is wrong",
    "thing": "this thing is not there",
    "word": "this word is wrong",
}
"""What a label says of its positive units: the key words of answers, the names of things that answers take to be there,
and all content words of which it is known."""


@dataclass(frozen=True, eq=False)
class Units:
    """Units of one label: the case and family of each, whether it is what the label says, and each signal's figure."""

    label: Label
    cases: tuple[str, ...]
    families: tuple[str, ...]
    wrong: Bool[np.ndarray, "unit"]
    values: dict[str, Float[np.ndarray, "unit"]]

    def of(self, family: str) -> Units:
        """Those of one family."""
        keep = np.array([one == family for one in self.families], dtype=bool)
        return Units(
            self.label,
            tuple(case for case, kept in zip(self.cases, keep, strict=True) if kept),
            (family,) * int(keep.sum()),
            self.wrong[keep],
            {key: values[keep] for key, values in self.values.items()},
        )


def units(lines: Sequence[Line], label: Label) -> Units:
    """The units of a label in a journal's lines, in the order of the cases' names."""
    found: list[tuple[Line, int, bool]] = []
    for line in sorted(lines, key=lambda line: line.case):
        for number, word in enumerate(line.words):
            verdict = _verdict(label, line, word)
            if verdict is not None:
                found.append((line, number, verdict))
    keys = [key for key in signals() if any(key in line.values or key in line.refused for line in lines)]
    return Units(
        label,
        tuple(line.case for line, _, _ in found),
        tuple(line.family for line, _, _ in found),
        np.array([wrong for _, _, wrong in found], dtype=bool),
        {
            key: np.array(
                [line.values[key][number] if key in line.values else np.nan for line, number, _ in found],
                dtype=np.float64,
            )
            for key in keys
        },
    )


def doubt_of(signal: Signal, values: Float[np.ndarray, "unit"]) -> Float[np.ndarray, "unit"]:
    """A signal's figures turned so that more of them is more doubt, on the scale on which they are combined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.log(values) if signal.scale == "log" else values
    return scaled if signal.doubtful == "higher" else -scaled


def _verdict(label: Label, line: Line, word: Word) -> bool | None:
    """Whether a word is what a label says; None where it is none of its units."""
    if label == "word":
        return word.wrong
    if label == "thing":
        return None if not word.thing or line.there is None else not line.there
    return None if not word.key or line.right is None else not line.right
