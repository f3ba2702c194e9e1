"""How a map is tested."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Fill
from ..settings import choice, number


@dataclass(frozen=True)
class EvidenceSettings:
    """What stands in the place of hidden patches, how finely curves are drawn, and the controls."""

    fill: str = choice(
        "both",
        "Hidden patches become",
        ("both", "black", "blur"),
        help="Neither is neutral: black is a strong edge, blur keeps the colours. Both give each figure twice.",
    )
    steps: int = number(
        20,
        "Steps",
        minimum=2,
        maximum=50,
        step=1,
        help="Points of a curve, equally far apart, beside those at 5, 10, 20 and 50%.",
    )
    draws: int = number(
        2,
        "Random orders",
        minimum=1,
        maximum=50,
        step=1,
        help="Controls that know nothing. Every second one is the one before it turned over: both are read of the same "
        "pictures, so even numbers cost the least.",
    )
    deciding: int = number(
        19,
        "Random orders of the verdict",
        minimum=0,
        maximum=199,
        step=1,
        help="A map holds where it beats every one of these: nineteen are beaten by chance once in twenty times, and "
        "fewer decide nothing. Each is read at one point.",
    )
    seed: int = number(0, "Seed", minimum=0, maximum=2**31 - 1, step=1)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The fills that are tried."""
        return {"both": ("black", "blur"), "black": ("black",), "blur": ("blur",)}[self.fill]  # type: ignore[return-value]
