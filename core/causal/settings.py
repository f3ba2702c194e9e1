"""What can be set about a causal graph, and what each setting means."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from .errors import CausalError
from .independence import FisherZ
from .pag import LARGEST

Method = Literal["ordered ICD", "ICD", "FCI"]


def _said(label: str, meaning: str) -> dict[str, Any]:
    return {"label": label, "meaning": meaning}


@dataclass(frozen=True)
class GraphSettings:
    """How nodes are chosen, correlations taken, and a graph learned. Raises CausalError for values out of range.

    Every field has a label and its meaning in words: see `meanings`.
    """

    image_tokens: int = field(
        default=50,
        metadata=_said("Image tokens", "The image tokens that the target attends to most become nodes."),
    )
    text_threshold: float = field(
        default=0.01,
        metadata=_said("Least attention to words", "Words that the target attends to at least this much become nodes."),
    )
    text_tokens: int = field(
        default=12, metadata=_said("Most words", "Of those words at most so many, the most attended.")
    )
    method: Method = field(
        default="ordered ICD",
        metadata=_said(
            "Method",
            "Ordered ICD knows that a later token cannot cause an earlier one. ICD and FCI do not, and leave more "
            "ends open.",
        ),
    )
    alpha: float = field(
        default=1e-5,
        metadata=_said(
            "Alpha",
            "Two tokens whose test has a p-value above alpha are called independent. The smaller, the fewer edges "
            "remain. Published: 0.00001; the method's notebook: 0.01.",
        ),
    )
    sample_size: int = field(
        default=128,
        metadata=_said(
            "Sample size",
            "How many observations the correlations are taken to rest on. Attention rows are no sample, so this is a "
            "dial: the larger, the weaker a correlation that still makes an edge. Published: 128; the notebook: the "
            "hidden size.",
        ),
    )
    ridge: float | None = field(
        default=None,
        metadata=_said(
            "Ridge",
            "Added to the diagonal of the correlations. Automatic: nothing, or just enough where they are singular.",
        ),
    )
    leave_out_sink: bool = field(
        default=False,
        metadata=_said(
            "Leave the sink out",
            "Do not count attention to the one place that takes a large part of every row, usually the first token.",
        ),
    )
    largest_set: int | None = field(
        default=None, metadata=_said("Largest conditioning set", "No larger ones are tested. None: all that apply.")
    )
    seconds: float | None = field(
        default=20.0, metadata=_said("Seconds a graph", "Then the search goes back to its last whole round.")
    )

    def __post_init__(self) -> None:
        FisherZ(self.sample_size, self.alpha)
        if self.method not in get_args(Method):
            raise CausalError(f"The method must be one of {', '.join(get_args(Method))}.")
        if self.image_tokens < 0 or self.text_tokens < 0 or self.image_tokens + self.text_tokens < 1:
            raise CausalError("Choose at least one image token or word beside the target.")
        if self.image_tokens + self.text_tokens + 1 > LARGEST:
            raise CausalError(
                f"A graph has at most {LARGEST} nodes with the target: choose fewer image tokens or words than "
                f"{self.image_tokens} and {self.text_tokens}."
            )
        if not 0 <= self.text_threshold <= 1:
            raise CausalError("The least attention to words must lie between 0 and 1.")
        if self.ridge is not None and not 0 <= self.ridge <= 1:
            raise CausalError("The ridge must lie between 0 and 1.")
        if self.largest_set is not None and self.largest_set < 0:
            raise CausalError("The largest conditioning set has at least no node.")
        if self.seconds is not None and not self.seconds > 0:
            raise CausalError("The time for a graph must be more than nothing.")

    @property
    def test(self) -> FisherZ:
        return FisherZ(self.sample_size, self.alpha)


def meanings() -> dict[str, tuple[str, str]]:
    """For each setting by name its label and what it means, for the screen."""
    return {entry.name: (entry.metadata["label"], entry.metadata["meaning"]) for entry in fields(GraphSettings)}
