"""What can be set about a causal graph, and what each setting means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import SettingsError
from ..settings import check_ranges, choice, number, switch
from .independence import FisherZ
from .pag import LARGEST

Method = Literal["ordered ICD", "ICD", "FCI"]
ALPHAS = tuple(float(f"{digit}e{exponent}") for exponent in range(-15, -1) for digit in (1, 2, 5))
SAMPLE_SIZES = tuple(2**power for power in range(4, 14))


@dataclass(frozen=True)
class GraphSettings:
    """How nodes are chosen, correlations taken, and a graph learned. Raises SettingsError for values out of range."""

    image_tokens: int = number(
        50,
        "Image tokens",
        minimum=0,
        maximum=LARGEST - 1,
        help="The image tokens that the target attends to most become nodes.",
    )
    text_tokens: int = number(
        12, "Most words", minimum=0, maximum=LARGEST - 1, help="Of those words at most so many, the most attended."
    )
    text_threshold: float = number(
        0.01,
        "Least attention to words",
        minimum=0.0,
        maximum=1.0,
        step=0.005,
        help="Words that the target attends to at least this much become nodes.",
    )
    leave_out_sink: bool = switch(
        False,
        "Leave the sink out",
        help="Do not count attention to the one place that takes a large part of every row, usually the first token.",
    )
    ridge: float | None = number(
        None,
        "Ridge",
        minimum=0.0,
        maximum=1.0,
        step=0.001,
        without="automatic",
        help="Added to the diagonal of the correlations. Automatic: nothing, or just enough where they are singular.",
    )
    method: Method = choice(
        "ordered ICD",
        "Method",
        get_args(Method),
        help="Ordered ICD knows that a later token cannot cause an earlier one. ICD and FCI do not, and leave more "
        "ends open.",
    )
    alpha: float = number(
        1e-5,
        "Alpha",
        minimum=0.0,
        maximum=1.0,
        offered=ALPHAS,
        help="Two tokens whose test has a p-value above alpha are called independent. The smaller, the fewer edges "
        "remain. Published: 0.00001; the method's notebook: 0.01.",
    )
    sample_size: int = number(
        128,
        "Sample size",
        minimum=4,
        maximum=10**9,
        offered=SAMPLE_SIZES,
        help="How many observations the correlations are taken to rest on. Attention rows are no sample, so this is a "
        "dial: the larger, the weaker a correlation that still makes an edge. Published: 128; the notebook: the "
        "hidden size.",
    )
    largest_set: int | None = number(
        None,
        "Largest conditioning set",
        minimum=0,
        maximum=LARGEST,
        without="all",
        help="No larger ones are tested. None: all that apply.",
    )
    seconds: float | None = number(
        20.0,
        "Seconds a graph",
        minimum=0.1,
        maximum=86_400.0,
        step=1.0,
        without="as long as it takes",
        help="Then the search goes back to its last whole round.",
    )

    def __post_init__(self) -> None:
        check_ranges(self)
        FisherZ(self.sample_size, self.alpha)
        if not self.image_tokens + self.text_tokens:
            raise SettingsError("Choose at least one image token or word beside the target.")
        if self.image_tokens + self.text_tokens + 1 > LARGEST:
            raise SettingsError(
                f"A graph has at most {LARGEST} nodes with the target: choose fewer image tokens or words than "
                f"{self.image_tokens} and {self.text_tokens}."
            )

    @property
    def test(self) -> FisherZ:
        return FisherZ(self.sample_size, self.alpha)
