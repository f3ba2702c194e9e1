"""How a map is tested."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import SceneFill
from ..settings import choice, number


@dataclass(frozen=True)
class EvidenceSettings:
    """What stands in the place of hidden patches, how finely curves are drawn, and the controls."""

    fill: str = choice(
        "both",
        "Hidden patches become",
        ("both", "black", "blur", "mean", "noise", "inpaint", "redraw"),
        help="None is neutral: black is a strong edge, blur keeps the colours, inpainting goes on with what is seen "
        "around. Both: black and blur, which give each figure twice. Redraw, of drawn scenes: the same scene with "
        "nothing in it.",
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
    def fills(self) -> tuple[SceneFill, ...]:
        """The fills that are tried."""
        return ("black", "blur") if self.fill == "both" else (self.fill,)  # type: ignore[return-value]
