"""The states of many cases in one file of rows, of which one column at a time is in memory."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float

from ...errors import NotWritten
from ...vlm.memory import readable_bytes
from ...writing import remedy_of

Shape = tuple[int, int, int]
"""Layers, places, hidden size."""
NUMBER = np.dtype("<f4")


def states_file(journal: Path) -> Path:
    """Where the states of a journal's cases lie: beside it."""
    return journal.with_name(f"{journal.name}.states")


def row_bytes(shape: Shape) -> int:
    """Bytes of one case's states."""
    return int(np.prod(shape)) * NUMBER.itemsize


class KeptStates:
    """Rows of float32 numbers, one for each case in the order in which they were measured. Use it as a context manager.

    `rows` are those that the journal tells of: what stands after them was being written when a run ended, and is
    dropped. Raises NotWritten where the file cannot be opened, or holds fewer rows than that.
    """

    def __init__(self, file: Path, shape: Shape, rows: int) -> None:
        self._path, self._shape = file, shape
        try:
            self._file = file.open("r+b" if rows else "w+b")
            size = os.fstat(self._file.fileno()).st_size
            if size >= rows * row_bytes(shape):
                self._file.truncate(rows * row_bytes(shape))
        except OSError as error:
            raise NotWritten(*self._refusal(error)) from error
        if size < rows * row_bytes(shape):
            self._file.close()
            raise NotWritten(
                f"{file.name} lacks states of cases that its lines tell of. Delete both files, and measure anew.",
                "states are missing",
            )
        self.rows = rows

    def __enter__(self) -> KeptStates:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, states: Float[np.ndarray, "layer place hidden"]) -> int:
        """Write a case's states; the number of its row. Raises NotWritten."""
        if states.shape != self._shape:
            raise ValueError(f"states of shape {states.shape} are none of {self._shape}")
        try:
            self._file.seek(self.rows * row_bytes(self._shape))
            self._file.write(np.ascontiguousarray(states, NUMBER).tobytes())
            self._file.flush()
        except OSError as error:
            raise NotWritten(*self._refusal(error)) from error
        self.rows += 1
        return self.rows - 1

    def column(self, rows: list[int], layer: int, place: int) -> Float[np.ndarray, "case hidden"]:
        """The states of some cases in one layer and place."""
        if not rows:
            return np.zeros((0, self._shape[2]), NUMBER)
        self._file.flush()
        every = np.memmap(self._path, NUMBER, "r", shape=(self.rows, *self._shape))
        return np.array(every[rows, layer, place])

    def _refusal(self, error: OSError) -> tuple[str, str]:
        why = error.strerror or "no reason is known"
        takes = f"a case's states take {readable_bytes(row_bytes(self._shape))}"
        return (
            f"{self._path.name} cannot be written ({why}). What is measured is kept: {remedy_of(error)} ({takes}), and "
            "start the same command again to go on."
        ), why
