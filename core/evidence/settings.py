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
        10,
        "Steps",
        minimum=2,
        maximum=50,
        step=1,
        help="Points of a curve, equally far apart, beside those at 5, 10, 20 and 50%.",
    )
    draws: int = number(3, "Random orders", minimum=1, maximum=50, step=1, help="Controls that know nothing.")
    seed: int = number(0, "Seed", minimum=0, maximum=2**31 - 1, step=1)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The fills that are tried."""
        return {"both": ("black", "blur"), "black": ("black",), "blur": ("blur",)}[self.fill]  # type: ignore[return-value]
