"""What every panel of Side by Side draws with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from ...answer import Target
from ..state.workspace import Workspace
from .columns import Column
from .view import BesideView


@dataclass(frozen=True, eq=False)
class Panel:
    """The pinned answers as columns, the place below each of them, and the row for controls."""

    workspace: Workspace
    view: BesideView
    columns: list[Column]
    controls: DeltaGenerator
    places: Sequence[DeltaGenerator]

    @property
    def compared(self) -> list[tuple[Column, Target]]:
        """The columns that have a target, each with its own."""
        return [(column, column.target) for column in self.columns if column.target is not None]
