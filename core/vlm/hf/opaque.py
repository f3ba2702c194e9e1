"""The pass of a network whose layers cannot be gone through one by one: several streams of states go between them
(Gemma 3n), or some are left out where there is no picture.

It keeps nothing but the edits it was made under: whatever is asked of its states is refused, and what the network says
under further edits is read anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from torch import Tensor

from ...errors import NotShown
from ..checkpoints import DecoderPass
from ..edits import Edits, Site
from .editing import together


class OpaquePass(DecoderPass):
    """A pass of such a network of so many layers. All but `made_under` raises NotShown, which says `why`."""

    start = 0
    chained = divides = False

    def __init__(self, layers: int, why: str) -> None:
        self.layers = layers
        self.made_under: Edits
        (self.made_under,) = together([()])
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("final", "inputs"):
            self._refuse()
        raise AttributeError(name)

    def free(self, layer: int) -> None:
        """There is nothing to drop."""

    def recompute(self, layer: int, *, grad: bool = True) -> NoReturn:
        self._refuse()

    def attention(self, layer: int) -> NoReturn:
        self._refuse()

    def states(self, layer: int, site: Site) -> NoReturn:
        self._refuse()

    def heads_given(self, layer: int, states: Tensor, *, grad: bool = False) -> NoReturn:
        self._refuse()

    def left_without_heads(self, layer: int, states: Tensor, *, grad: bool = False) -> NoReturn:
        self._refuse()

    def parts(self, layer: int, rows: Sequence[int]) -> NoReturn:
        self._refuse()

    def run(self, edits: Sequence[Edits], first: int = 0) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotShown(self._why)
