"""A label's directions, layer by layer, from states that probes kept: of the same cases, or borrowed from others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from ...errors import NotApplicable, OtherRun
from ...probes.states import PLACES, RESIDUAL
from ...probes.steering import mean_difference
from ...vlm.model import ModelCard
from ..journal import each_line, read_journal
from ..knowing.figures import Line, read_line
from ..knowing.kept_states import KeptStates, states_file
from ..knowing.run import KIND


def directions_of(
    lines: Sequence[Line],
    fitted: Bool[np.ndarray, "case"],
    states: KeptStates,
    values: tuple[str, ...],
    layers: int,
    place: str,
) -> Float[np.ndarray, "layer hidden"]:
    """The direction from the label's first value to its second at a place, in what goes into each layer, over the cases
    that are `fitted`. Raises NotApplicable where a case has no such place, or a value no case."""
    own = [line for line, one in zip(lines, fitted, strict=True) if one]
    rows = [line.row for line in own if line.row is not None]
    labels = np.array([values.index(line.label) for line in own])
    if len(np.unique(labels)) < 2:
        raise NotApplicable("Half of the pictures has one value of the label only. Choose more cases.")
    every = [states.column(rows, layer, PLACES.index(place)) for layer in range(layers)]
    if any(np.isnan(column).any() for column in every):
        raise NotApplicable(f"Some cases have no positions of the place “{place}”. Choose another place.")
    return np.stack([mean_difference(column, labels) for column in every])


def borrowed_directions(
    file: Path, card: ModelCard, values: tuple[str, ...], place: str
) -> tuple[Float[np.ndarray, "layer hidden"], str]:
    """The directions over all cases of another file of probes of the same model, whose label has the same values; and
    what its cases are. Raises JournalError, OtherRun, NotApplicable, NotWritten."""
    header, records = read_journal(file, KIND)
    if header.get("model") != card.fingerprint or header.get("where") != RESIDUAL:
        raise OtherRun(
            f"{file.name} holds no probes of the residual stream of {card.name}. Name a file that `sightline probes` "
            "wrote for this model."
        )
    lines = [line for line in each_line(records, read_line, file) if line.row is not None]
    if {line.label for line in lines} != set(values):
        raise NotApplicable(
            f"The label of {file.name} has other values than {' and '.join(values)}. Choose another file."
        )
    shape = (card.layers + 1, len(PLACES), card.hidden)
    with KeptStates(states_file(file), shape, len(lines)) as states:
        every = np.ones(len(lines), bool)
        return directions_of(lines, every, states, values, card.layers, place), str(header.get("of"))
