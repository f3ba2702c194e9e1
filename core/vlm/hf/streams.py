"""The pass of a network between whose layers go several streams of states (Gemma 3n), which are brought together after
the last one only.

No single state of it can be read, so a pass over it keeps nothing but the edits it was made under: whatever is asked of
its states is refused, and what the network says under further edits is read anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from ...errors import NotApplicable
from ..checkpoints import DecoderPass
from ..edits import Edits, Site
from .editing import SEVERAL_STREAMS, together


class StreamedPass(DecoderPass):
    """A pass of such a network of so many layers. All but `made_under` raises NotApplicable."""

    start = 0
    chained = False

    def __init__(self, layers: int) -> None:
        self.layers = layers
        self.made_under: Edits
        (self.made_under,) = together([()])

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("final", "inputs"):
            raise NotApplicable(SEVERAL_STREAMS)
        raise AttributeError(name)

    def free(self, layer: int) -> None:
        """There is nothing to drop."""

    def recompute(self, layer: int, *, grad: bool = True) -> NoReturn:
        raise NotApplicable(SEVERAL_STREAMS)

    def states(self, layer: int, site: Site) -> NoReturn:
        raise NotApplicable(SEVERAL_STREAMS)

    def parts(self, layer: int, rows: Sequence[int]) -> NoReturn:
        raise NotApplicable(SEVERAL_STREAMS)

    def run(self, edits: Sequence[Edits]) -> NoReturn:
        raise NotApplicable(SEVERAL_STREAMS)
